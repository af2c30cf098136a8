//! Stripe's way of writing nested values in a form or a query: `items[0][price]=price_1`.

use serde_json::{Map, Value};

use super::fault::{Answer, Fault};

/// Parameters of a call, as a tree. Everything in it is text.
#[derive(Clone, Debug, Default)]
pub struct Params(pub Value);

impl Params {
    pub fn parse(text: &str) -> Answer<Self> {
        let mut root = Value::Object(Map::new());
        for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
            let path = path(&name).ok_or_else(|| Fault::invalid(format!("Invalid parameter name: {name}"), &name))?;
            put(&mut root, &path, value.into_owned());
        }
        Ok(Self(lists(root)))
    }

    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    pub fn at(&self, path: &[&str]) -> Option<&Value> {
        path.iter().try_fold(&self.0, |value, name| value.get(name))
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    pub fn need(&self, name: &str) -> Answer<&str> {
        self.text(name).filter(|text| !text.is_empty()).ok_or_else(|| Fault::missing(name))
    }

    pub fn number(&self, name: &str) -> Answer<Option<i64>> {
        number(self.get(name), name)
    }

    pub fn flag(&self, name: &str) -> Answer<Option<bool>> {
        match self.text(name) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => Err(Fault::invalid(format!("Invalid boolean: {other}"), name)),
        }
    }

    pub fn list(&self, name: &str) -> Vec<&Value> {
        self.get(name).and_then(Value::as_array).map(|list| list.iter().collect()).unwrap_or_default()
    }

    pub fn texts(&self, name: &str) -> Vec<String> {
        self.list(name).into_iter().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    pub fn metadata(&self) -> Value {
        self.get("metadata").filter(|value| value.is_object()).cloned().unwrap_or_else(|| Value::Object(Map::new()))
    }

    /// Refuses what the call does not know, as Stripe does.
    pub fn only(&self, known: &[&str]) -> Answer<()> {
        let given = self.0.as_object().into_iter().flat_map(Map::keys);
        match given.into_iter().find(|name| !known.contains(&name.as_str()) && *name != "expand") {
            Some(name) => Err(Fault::unknown_parameter(name)),
            None => Ok(()),
        }
    }
}

/// A whole number that stands as text.
pub fn number(value: Option<&Value>, name: &str) -> Answer<Option<i64>> {
    match value.and_then(Value::as_str) {
        None => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| Fault::invalid(format!("Invalid integer: {text}"), name)),
    }
}

/// `a[b][]` as `a`, `b`, ``.
fn path(name: &str) -> Option<Vec<String>> {
    let (first, rest) = name.split_once('[').map_or((name, None), |(first, rest)| (first, Some(rest)));
    let mut path = vec![first.to_owned()];
    if let Some(rest) = rest {
        path.extend(rest.strip_suffix(']')?.split("][").map(str::to_owned));
    }
    Some(path)
}

fn put(value: &mut Value, path: &[String], text: String) {
    let Some((first, rest)) = path.split_first() else {
        *value = Value::String(text);
        return;
    };
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    let Value::Object(map) = value else { return };
    let name = if first.is_empty() { map.len().to_string() } else { first.clone() };
    put(map.entry(name).or_insert(Value::Null), rest, text);
}

/// Objects whose names are 0, 1, 2 … are lists.
fn lists(value: Value) -> Value {
    let Value::Object(map) = value else { return value };
    let is_list = !map.is_empty() && (0..map.len()).all(|at| map.contains_key(&at.to_string()));
    if !is_list {
        return Value::Object(map.into_iter().map(|(name, value)| (name, lists(value))).collect());
    }
    let mut map = map;
    Value::Array((0..map.len()).filter_map(|at| map.remove(&at.to_string())).map(lists).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_nested_names() {
        let params = Params::parse("a=1&items[0][price]=p&items[0][id]=i&expand[]=x&expand[]=y&m[k]=v").unwrap();
        let wanted = json!({"a": "1", "items": [{"price": "p", "id": "i"}], "expand": ["x", "y"], "m": {"k": "v"}});
        assert_eq!(params.0, wanted);
        assert!(Params::parse("a[b=1").is_err());
        assert!(params.only(&["a", "items", "m"]).is_ok());
        assert!(params.only(&["a"]).is_err());
    }
}
