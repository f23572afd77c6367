//! The OpenAPI specification's table of style examples, from a document to the request that is sent.

use gloveport_sdk::fake_host::Body as Sent;
use serde_json::{Value, json};

use super::*;

/// What the table writes, from 3.1.1, 4.8.12.6: style, explode, then empty, string, array and object; `-` for its "n/a", and
/// `_` where nothing stands. In 3.0.4 (4.7.12.6) it is the same.
/// Members of objects go in the order of their names here; the table has them as R, G, B.
const EXAMPLES: &str = "
    matrix false ;color ;color=blue ;color=blue,black,brown ;color=B,150,G,200,R,100
    matrix true ;color ;color=blue ;color=blue;color=black;color=brown ;B=150;G=200;R=100
    label false . .blue .blue,black,brown .B,150,G,200,R,100
    label true . .blue .blue.black.brown .B=150.G=200.R=100
    simple false _ blue blue,black,brown B,150,G,200,R,100
    simple true _ blue blue,black,brown B=150,G=200,R=100
    form false color= color=blue color=blue,black,brown color=B,150,G,200,R,100
    form true color= color=blue color=blue&color=black&color=brown B=150&G=200&R=100
    spaceDelimited false - - color=blue%20black%20brown color=B%20150%20G%20200%20R%20100
    spaceDelimited true - - - -
    pipeDelimited false - - color=blue%7Cblack%7Cbrown color=B%7C150%7CG%7C200%7CR%7C100
    pipeDelimited true - - - -
    deepObject false - - - -
    deepObject true - - - color%5BB%5D=150&color%5BG%5D=200&color%5BR%5D=100
";

/// The values of the table's columns, with their schemas.
fn columns() -> [(Value, Value); 4] {
    let text = json!({ "type": "string" });
    [
        (json!(""), text.clone()),
        (json!("blue"), text),
        (json!(["blue", "black", "brown"]), json!({ "type": "array", "items": { "type": "string" } })),
        (
            json!({ "R": 100, "G": 200, "B": 150 }),
            json!({ "type": "object", "additionalProperties": { "type": "integer" } }),
        ),
    ]
}

/// The only operation of a document of this version, with one parameter.
fn with_parameter(version: &str, place: &str, parameter: &Value) -> Imported {
    let mut own = json!({ "name": "color", "in": place, "required": place == "path" });
    own.as_object_mut().unwrap().extend(parameter.as_object().unwrap().clone());
    let path = if place == "path" { "/x{color}" } else { "/x" };
    let mut document = with_operation("get", path, &json!({ "parameters": [own] }));
    document["openapi"] = json!(version);
    imported(&document)
}

/// Each cell of the table, in both versions, where a document may use that style.
#[test]
fn parameters_are_written_as_the_specification_shows() {
    let mut cells = 0;
    for row in EXAMPLES.lines().map(str::trim).filter(|row| !row.is_empty()) {
        let words: Vec<&str> = row.split(' ').collect();
        let (style, explode) = (words[0], words[1] == "true");
        let places: &[&str] = match style {
            "matrix" | "label" => &["path"],
            "simple" => &["path", "header"],
            _ => &["query"],
        };
        for ((value, schema), expected) in columns().into_iter().zip(&words[2..]) {
            let expected = expected.replace('_', "");
            for (place, version) in places.iter().flat_map(|place| [(place, "3.0.4"), (place, "3.1.1")]) {
                let parameter = json!({ "style": style, "explode": explode, "schema": schema });
                let imported = with_parameter(version, place, &parameter);
                let sent = sent(&imported, &json!({ "color": value }));
                let wanted = match *place {
                    "path" if expected.is_empty() => {
                        // Nothing in a path is another path.
                        assert!(matches!(sent, Err(Failure::InvalidInput(_))), "{row} {value}");
                        continue;
                    }
                    "path" => format!("/x{expected}"),
                    "query" => format!("/x?{expected}"),
                    _ => "/x".to_owned(),
                };
                let sent = sent.unwrap_or_else(|failure| panic!("{row} {value}: {failure:?}"));
                if expected == "-" {
                    // What is not defined is sent in some way, and stays in its place.
                    assert!(sent.target.starts_with("/x?"), "{row} {value}: {}", sent.target);
                    continue;
                }
                assert_eq!(sent.target, wanted, "{row} {value} {version}");
                let headers: Vec<_> = sent.headers.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
                let header = (*place == "header").then_some(("color", expected.as_str()));
                assert_eq!(headers, Vec::from_iter(header), "{row} {value} {version}");
                cells += 1;
            }
        }
    }
    // Four places with four cells each but for the empty one of `simple` in a path, and those of lists and objects alone.
    assert_eq!(cells, 2 * (16 + 6 + 8 + 8 + 2 + 2 + 1));
}

/// Where nothing is said: `simple` in paths and headers, `form` in queries, and only `form` explodes.
#[test]
fn what_a_document_does_not_say_is_the_specifications_default() {
    let [_, _, (list, schema), (object, any)] = columns();
    for (place, parameter, value, target) in [
        ("path", json!({ "schema": schema }), &list, "/xblue,black,brown"),
        ("path", json!({ "schema": any }), &object, "/xB,150,G,200,R,100"),
        ("path", json!({ "style": "matrix", "schema": schema }), &list, "/x;color=blue,black,brown"),
        ("query", json!({ "schema": schema }), &list, "/x?color=blue&color=black&color=brown"),
        ("query", json!({ "schema": any }), &object, "/x?B=150&G=200&R=100"),
        ("query", json!({ "style": "form", "schema": schema }), &list, "/x?color=blue&color=black&color=brown"),
        ("query", json!({ "style": "pipeDelimited", "schema": schema }), &list, "/x?color=blue%7Cblack%7Cbrown"),
        // A style that its place does not have is none.
        ("query", json!({ "style": "matrix", "schema": schema }), &list, "/x?color=blue&color=black&color=brown"),
        ("path", json!({ "style": "form", "schema": schema }), &list, "/xblue,black,brown"),
        // What `form` makes of lists of objects is not defined; servers that have them, Box's for one, take JSON.
        (
            "query",
            json!({ "schema": { "type": "array", "items": any } }),
            &json!([object]),
            "/x?color=%5B%7B%22B%22%3A150%2C%22G%22%3A200%2C%22R%22%3A100%7D%5D",
        ),
        // `content` is JSON text, whatever else stands there.
        (
            "query",
            json!({ "content": { "application/json": { "schema": any } } }),
            &object,
            "/x?color=%7B%22B%22%3A150%2C%22G%22%3A200%2C%22R%22%3A100%7D",
        ),
    ] {
        let sent = sent(&with_parameter("3.1.0", place, &parameter), &json!({ "color": value })).unwrap();
        assert_eq!(sent.target, target, "{place} {parameter}");
    }
}

/// Members of a form are written by their `encoding`; without one, objects are JSON (3.0.4, 4.7.15.1).
#[test]
fn fields_of_forms_are_written_by_their_encoding() {
    let [_, _, (list, schema), (object, any)] = columns();
    for (encoding, schema, value, expected) in [
        (json!({}), &schema, &list, vec![("color", "blue"), ("color", "black"), ("color", "brown")]),
        (json!({ "explode": false }), &schema, &list, vec![("color", "blue,black,brown")]),
        (json!({ "style": "form", "explode": false }), &schema, &list, vec![("color", "blue,black,brown")]),
        (json!({ "style": "spaceDelimited" }), &schema, &list, vec![("color", "blue black brown")]),
        (json!({ "style": "pipeDelimited" }), &schema, &list, vec![("color", "blue|black|brown")]),
        (json!({}), &any, &object, vec![("color", "{\"B\":150,\"G\":200,\"R\":100}")]),
        (json!({ "style": "form" }), &any, &object, vec![("B", "150"), ("G", "200"), ("R", "100")]),
        (
            json!({ "style": "deepObject" }),
            &any,
            &object,
            vec![("color[B]", "150"), ("color[G]", "200"), ("color[R]", "100")],
        ),
    ] {
        let media = json!({ "schema": { "type": "object", "properties": { "color": schema } }, "encoding": { "color": encoding } });
        let operation = json!({ "requestBody": { "content": { "application/x-www-form-urlencoded": media } } });
        let Sent::Form(sent) =
            sent(&imported(&with_operation("post", "/x", &operation)), &json!({ "color": value })).unwrap().body
        else {
            panic!("no form")
        };
        let sent: Vec<_> = sent.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert_eq!(sent, expected, "{encoding}");
    }
}
