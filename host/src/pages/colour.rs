//! Colours that can be read: the operator's is made darker or lighter until it can.

use askama::Template;

/// WCAG 2.2, success criterion 1.4.3: text against what is behind it.
const READABLE: f64 = 4.5;

/// Steps of a twentieth, from a colour to black or white.
const STEPS: u32 = 20;

type Rgb = [u8; 3];

const WHITE: Rgb = [0xff, 0xff, 0xff];
const BLACK: Rgb = [0, 0, 0];

/// The style of all pages.
#[derive(Template)]
#[template(path = "style.css", escape = "none")]
struct Style {
    light: Palette,
    dark: Palette,
}

/// What a page is painted with, as CSS writes it.
struct Palette {
    page: String,
    card: String,
    text: String,
    muted: String,
    line: String,
    accent: String,
    on_accent: String,
    bad: String,
    bad_back: String,
    good: String,
}

/// The style with this colour on its buttons and links.
pub(super) fn style(accent: Rgb) -> Result<String, askama::Error> {
    Style { light: palette(&LIGHT, accent), dark: palette(&DARK, accent) }.render()
}

/// All but the operator's colour.
struct Base {
    page: Rgb,
    card: Rgb,
    text: Rgb,
    muted: Rgb,
    line: Rgb,
    bad: Rgb,
    bad_back: Rgb,
    good: Rgb,
}

const LIGHT: Base = Base {
    page: [0xf3, 0xf4, 0xf6],
    card: WHITE,
    text: [0x1b, 0x1f, 0x24],
    muted: [0x52, 0x5b, 0x66],
    line: [0x81, 0x8b, 0x98],
    bad: [0xb4, 0x23, 0x18],
    bad_back: [0xfe, 0xf1, 0xf0],
    good: [0x1a, 0x7f, 0x37],
};

const DARK: Base = Base {
    page: [0x0d, 0x11, 0x17],
    card: [0x16, 0x1b, 0x22],
    text: [0xe6, 0xed, 0xf3],
    muted: [0xa3, 0xad, 0xb8],
    line: [0x7d, 0x85, 0x90],
    bad: [0xff, 0x9b, 0x8f],
    bad_back: [0x3a, 0x17, 0x14],
    good: [0x56, 0xd3, 0x64],
};

fn palette(base: &Base, accent: Rgb) -> Palette {
    let accent = readable(accent, base.card);
    let on_accent = if contrast(accent, WHITE) >= contrast(accent, BLACK) { WHITE } else { BLACK };
    Palette {
        page: css(base.page),
        card: css(base.card),
        text: css(base.text),
        muted: css(base.muted),
        line: css(base.line),
        accent: css(accent),
        on_accent: css(on_accent),
        bad: css(base.bad),
        bad_back: css(base.bad_back),
        good: css(base.good),
    }
}

/// The colour, or the nearest one on its way to black or white that can be read on `back`.
fn readable(colour: Rgb, back: Rgb) -> Rgb {
    let end = if contrast(WHITE, back) > contrast(BLACK, back) { WHITE } else { BLACK };
    let steps = (0..=STEPS).map(|step| mixed(colour, end, step));
    steps.into_iter().find(|mixed| contrast(*mixed, back) >= READABLE).unwrap_or(end)
}

fn mixed(from: Rgb, to: Rgb, step: u32) -> Rgb {
    let channel = |at: usize| {
        let sum = u32::from(from[at]) * (STEPS - step) + u32::from(to[at]) * step;
        u8::try_from(sum / STEPS).unwrap_or(u8::MAX)
    };
    [channel(0), channel(1), channel(2)]
}

/// WCAG 2.2's contrast ratio: 1 to 21.
fn contrast(one: Rgb, other: Rgb) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

fn luminance(colour: Rgb) -> f64 {
    let [red, green, blue] = colour.map(|channel| {
        let value = f64::from(channel) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

fn css(colour: Rgb) -> String {
    format!("#{}", hex::encode(colour))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contrast_is_that_of_the_standard() {
        assert!((contrast(BLACK, WHITE) - 21.0).abs() < 1e-9);
        assert!((contrast(WHITE, WHITE) - 1.0).abs() < 1e-9);
        assert!((contrast([0x76, 0x76, 0x76], WHITE) - 4.54).abs() < 0.01);
    }

    #[test]
    fn all_texts_can_be_read_in_light_and_dark() {
        for base in [LIGHT, DARK] {
            for (text, back) in [
                (base.text, base.card),
                (base.text, base.page),
                (base.text, base.bad_back),
                (base.muted, base.card),
                (base.bad, base.card),
                (base.good, base.card),
            ] {
                assert!(contrast(text, back) >= READABLE, "{} on {}", css(text), css(back));
            }
            assert!(contrast(base.line, base.card) >= 3.0, "success criterion 1.4.11: borders of inputs");
        }
    }

    #[test]
    fn whatever_the_operator_chooses_can_be_read() {
        for step in 0..=16_u32 {
            for other in [0_u8, 96, 255] {
                let channel = u8::try_from((step * 16).min(255)).unwrap();
                for colour in [[channel, other, 0], [other, channel, 255], [channel, channel, channel]] {
                    for base in [&LIGHT, &DARK] {
                        let accent = readable(colour, base.card);
                        assert!(contrast(accent, base.card) >= READABLE, "{colour:?}");
                        let on_accent = contrast(accent, WHITE).max(contrast(accent, BLACK));
                        assert!(on_accent >= READABLE, "{colour:?}");
                    }
                }
            }
        }
        assert_eq!(readable([0x0b, 0x5f, 0xff], WHITE), [0x0b, 0x5f, 0xff], "what can be read stays");
        let style = style([1, 2, 3]).unwrap();
        assert!(style.contains("--accent:#010203") && !style.contains('<') && !style.contains("{{"), "{style}");
    }
}
