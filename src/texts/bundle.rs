//! Looking a text up and filling it in.

use std::borrow::Cow;
use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};

use super::Language;

type Bundle = FluentBundle<FluentResource>;

/// The files of a language's folder; every language has the same.
macro_rules! files {
    ($tag:literal: $($file:literal)*) => {
        &[$(($file, include_str!(concat!("../../locales/", $tag, "/", $file, ".ftl")))),*]
    };
}

fn sources(language: Language) -> &'static [(&'static str, &'static str)] {
    macro_rules! of {
        ($tag:literal) => {
            files!($tag: "account" "billing" "common" "errors" "footer" "forms" "links" "mails" "unsubscribe")
        };
    }
    match language {
        Language::English => of!("en"),
        Language::German => of!("de"),
        Language::French => of!("fr"),
        Language::Spanish => of!("es"),
        Language::Arabic => of!("ar"),
    }
}

static BUNDLES: LazyLock<Vec<Bundle>> = LazyLock::new(|| Language::ALL.into_iter().map(parse).collect());

/// Reads a language. What is wrong in a file is a fault that a test finds (`every_language_…`);
/// the rest of the file counts all the same.
fn parse(language: Language) -> Bundle {
    let tag = language.tag().parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![tag]);
    // The marks that isolate directions would travel into subjects and attributes; pages put
    // strangers' words into elements of their own instead.
    bundle.set_use_isolating(false);
    for (_, source) in sources(language) {
        let resource = FluentResource::try_new((*source).to_owned()).unwrap_or_else(|(resource, _)| resource);
        bundle.add_resource_overriding(resource);
    }
    bundle
}

/// Something that is put into a text.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    Text(&'a str),
    Count(i64),
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value<'_> {
    fn from(count: i64) -> Self {
        Self::Count(count)
    }
}

impl Language {
    /// The text of a key, or of `key.attribute`.
    pub fn text(self, key: &str) -> String {
        self.fill(key, &[])
    }

    /// The same, with values in the places the text has for them.
    ///
    /// A key that does not exist is shown as itself; tests see to it that there is none.
    pub fn fill(self, key: &str, values: &[(&str, Value<'_>)]) -> String {
        let bundle = &BUNDLES[self as usize];
        let mut args = FluentArgs::with_capacity(values.len());
        for (name, value) in values {
            args.set(
                (*name).to_owned(),
                match value {
                    Value::Text(text) => FluentValue::String(Cow::Borrowed(text)),
                    Value::Count(count) => FluentValue::from(*count),
                },
            );
        }
        let (id, attribute) = key.split_once('.').map_or((key, None), |(id, attribute)| (id, Some(attribute)));
        let pattern = bundle.get_message(id).and_then(|message| match attribute {
            Some(attribute) => message.get_attribute(attribute).map(|attribute| attribute.value()),
            None => message.value(),
        });
        let Some(pattern) = pattern else {
            tracing::error!(key, language = self.tag(), "a text is missing");
            return key.to_owned();
        };
        let mut faults = Vec::new();
        let text = bundle.format_pattern(pattern, Some(&args), &mut faults).into_owned();
        if !faults.is_empty() {
            tracing::error!(key, language = self.tag(), ?faults, "a text lacks a value");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement};
    use fluent_syntax::parser;

    use super::*;

    type Keys = BTreeMap<String, BTreeSet<String>>;

    fn collect(pattern: &Pattern<&str>, names: &mut BTreeSet<String>) {
        for element in &pattern.elements {
            if let PatternElement::Placeable { expression } = element {
                match expression {
                    Expression::Inline(inline) => name_of(inline, names),
                    Expression::Select { selector, variants } => {
                        name_of(selector, names);
                        variants.iter().for_each(|variant| collect(&variant.value, names));
                    }
                }
            }
        }
    }

    fn name_of(inline: &InlineExpression<&str>, names: &mut BTreeSet<String>) {
        match inline {
            InlineExpression::VariableReference { id } => {
                names.insert(id.name.to_owned());
            }
            InlineExpression::Placeable { expression } => {
                if let Expression::Inline(inner) = expression.as_ref() {
                    name_of(inner, names);
                }
            }
            _ => {}
        }
    }

    /// Every key of a language, attributes too, with the values that its text wants.
    fn keys(language: Language) -> Keys {
        let mut keys = Keys::new();
        for (file, source) in sources(language) {
            let resource = parser::parse(*source)
                .unwrap_or_else(|(_, errors)| panic!("locales/{}/{file}.ftl: {errors:?}", language.tag()));
            for entry in &resource.body {
                let Entry::Message(message) = entry else { continue };
                let mut add = |key: String, pattern: &Pattern<&str>| {
                    let mut names = BTreeSet::new();
                    collect(pattern, &mut names);
                    assert!(keys.insert(key.clone(), names).is_none(), "{key} stands twice in {}", language.tag());
                };
                if let Some(value) = &message.value {
                    add(message.id.name.to_owned(), value);
                }
                for attribute in &message.attributes {
                    add(format!("{}.{}", message.id.name, attribute.id.name), &attribute.value);
                }
            }
        }
        keys
    }

    /// No key is missing, none is too many, and each wants the same values.
    #[test]
    fn every_language_has_every_text_with_the_same_places() {
        let english = keys(Language::English);
        assert!(english.len() > 100);
        for language in Language::ALL {
            let own = keys(language);
            let tag = language.tag();
            let missing: Vec<_> = english.keys().filter(|key| !own.contains_key(*key)).collect();
            let extra: Vec<_> = own.keys().filter(|key| !english.contains_key(*key)).collect();
            assert!(missing.is_empty() && extra.is_empty(), "{tag} lacks {missing:?} and has {extra:?} besides");
            for (key, names) in &english {
                assert_eq!(&own[key], names, "{tag}: {key}");
            }
        }
    }

    /// Every key that stands in the sources or the templates exists, and every key is used.
    #[test]
    fn the_program_asks_for_the_texts_there_are() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut code = String::new();
        let mut folders = vec![root.join("src"), root.join("templates")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|kind| ["rs", "html", "txt"].iter().any(|known| kind == *known))
                {
                    code.push_str(&std::fs::read_to_string(path).unwrap());
                }
            }
        }
        let used: BTreeSet<&str> = code.split('"').collect();
        // Families whose last part is made by the program.
        let of_a_mail = |key: &str| {
            [".subject", ".button"].iter().any(|end| key.strip_suffix(end).is_some_and(|base| used.contains(base)))
        };
        let is_made = |key: &str| {
            key.starts_with("month-")
                || key.starts_with("error-") && key.ends_with(".text")
                || key.starts_with("mail-") && of_a_mail(key)
        };
        let unused: Vec<String> =
            keys(Language::English).into_keys().filter(|key| !used.contains(key.as_str()) && !is_made(key)).collect();
        assert!(unused.is_empty(), "no page and no mail asks for {unused:?}");

        let english = keys(Language::English);
        let asked = code.split(".t(\"").skip(1).filter_map(|rest| rest.split('"').next());
        let asked = asked.chain(code.split(".with(\"").skip(1).filter_map(|rest| rest.split('"').next()));
        let asked = asked.chain(code.split(".strong(\"").skip(1).filter_map(|rest| rest.split('"').next()));
        let unknown: BTreeSet<&str> = asked.filter(|key| !english.contains_key(*key)).collect();
        assert!(unknown.is_empty(), "there is no text for {unknown:?}");
    }

    #[test]
    fn counts_follow_their_language() {
        let minutes = |language: Language, count: i64| language.fill("minutes", &[("count", count.into())]);
        assert_eq!(minutes(Language::English, 1), "1 minute");
        assert_eq!(minutes(Language::English, 5), "5 minutes");
        assert_eq!(minutes(Language::German, 5), "5 Minuten");
        assert_eq!(minutes(Language::Arabic, 2), "دقيقتين");
    }
}
