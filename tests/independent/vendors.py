"""Holds tools, calls and results against the types that those who made the model APIs publish.

The file that is named has JSON lines of {"kind", "format", "value"}; for each line this prints a JSON line with what is
wrong with it, or null.
"""

import copy
import json
import sys

from anthropic.lib._parse._transform import transform_schema
from anthropic.types import ToolParam, ToolResultBlockParam, ToolUseBlock
from anthropic.types import tool_param
from google.genai import types as gemini
from openai.lib._pydantic import _ensure_strict_json_schema
from openai.types.chat import ChatCompletionFunctionToolParam, ChatCompletionMessageFunctionToolCall
from openai.types.chat import ChatCompletionToolMessageParam
from openai.types.responses import FunctionToolParam, ResponseFunctionToolCall
from openai.types.responses.response_input_param import FunctionCallOutput
from openai.types.shared_params import FunctionDefinition
from pydantic import TypeAdapter

# What a type does not name is refused: an API would not know it either.
CLOSED = [ChatCompletionFunctionToolParam, FunctionDefinition, ChatCompletionToolMessageParam, FunctionToolParam]
CLOSED += [FunctionCallOutput, ToolParam, ToolResultBlockParam]
for closed in CLOSED:
    closed.__pydantic_config__ = {"extra": "forbid"}

TYPES = {
    "tool": {
        "openai": ChatCompletionFunctionToolParam,
        "openai-responses": FunctionToolParam,
        "anthropic": ToolParam,
        "gemini": gemini.Tool,
    },
    "call": {
        "openai": ChatCompletionMessageFunctionToolCall,
        "openai-responses": ResponseFunctionToolCall,
        "anthropic": ToolUseBlock,
        "gemini": gemini.Part,
    },
    "result": {
        "openai": ChatCompletionToolMessageParam,
        "openai-responses": FunctionCallOutput,
        "anthropic": ToolResultBlockParam,
        "gemini": gemini.Part,
    },
}
ADAPTERS = {kind: {name: TypeAdapter(of) for name, of in types.items()} for kind, types in TYPES.items()}
# As a union it would be any object at all.
INPUT_SCHEMA = TypeAdapter(tool_param.InputSchemaTyped)


def without_type_of_literals(schema):
    """The helper leaves the type out where all values are given: both say the same."""
    if isinstance(schema, list):
        return [without_type_of_literals(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    literal = "const" in schema or isinstance(schema.get("enum"), list)
    return {
        key: {name: without_type_of_literals(one) for name, one in value.items()}
        if key in ("properties", "$defs") and isinstance(value, dict)
        else value
        if key in ("enum", "const", "required")
        else without_type_of_literals(value)
        for key, value in schema.items()
        if not (key == "type" and literal)
    }


def difference(ours, theirs, path=""):
    """Where two values differ first."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in list(ours) + [key for key in theirs if key not in ours]:
            if key not in ours or key not in theirs:
                return f"{path}/{key} is {'added' if key in theirs else 'taken out'}"
            if ours[key] != theirs[key]:
                return difference(ours[key], theirs[key], f"{path}/{key}")
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for index, (one, other) in enumerate(zip(ours, theirs)):
            if one != other:
                return difference(one, other, f"{path}/{index}")
    return f"{path}: {ours!r} becomes {theirs!r}"


def strict(form, tool):
    """The vendor's helper makes any schema strict: it has nothing to do where one is."""
    if form in ("openai", "openai-responses"):
        function = tool["function"] if form == "openai" else tool
        if function["strict"]:
            ours = function["parameters"]
            theirs = _ensure_strict_json_schema(copy.deepcopy(ours), path=(), root=copy.deepcopy(ours))
            return None if theirs == ours else "the helper differs: " + difference(ours, theirs)
    if form == "anthropic" and tool.get("strict"):
        ours = tool["input_schema"]
        theirs = transform_schema(copy.deepcopy(ours))
        ours, theirs = without_type_of_literals(ours), without_type_of_literals(theirs)
        return None if theirs == ours else "the helper differs: " + difference(ours, theirs)
    if form == "gemini":
        # Its own model of what it reads of JSON Schema.
        for declaration in tool["functionDeclarations"]:
            gemini.JSONSchema.model_validate(declaration["parametersJsonSchema"])
    return None


def wrong(line):
    kind, form, value = line["kind"], line["format"], line["value"]
    try:
        ADAPTERS[kind][form].validate_python(value)
        if kind == "tool" and form == "anthropic":
            INPUT_SCHEMA.validate_python(value["input_schema"])
        return strict(form, value) if kind == "tool" else None
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:600]


with open(sys.argv[1], encoding="utf-8") as lines:
    for line in lines:
        print(json.dumps(wrong(json.loads(line))))
