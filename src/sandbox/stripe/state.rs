//! What the stand-in knows: objects by their id, in the order they were made, and what was told.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::fault::{Answer, Fault};
use super::form::Params;

/// How a card behaves. Its number is forgotten as soon as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Card {
    Pays,
    /// Can be saved, and is declined whenever it is to pay.
    DeclinesLater,
}

/// A call as it came in, for whoever checks what is said to Stripe.
#[derive(Clone, Debug, Serialize)]
pub struct Call {
    pub method: String,
    pub path: String,
    pub params: Value,
    pub key: Option<String>,
    pub version: Option<String>,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Kept {
    pub request: String,
    pub status: u16,
    pub body: Value,
}

/// Everything. One lock holds it; each call is done whole.
#[derive(Default, Serialize, Deserialize)]
pub struct State {
    pub now: i64,
    made: u64,
    objects: BTreeMap<String, Value>,
    /// The ids of each kind of object, oldest first.
    kinds: HashMap<String, Vec<String>>,
    pub cards: HashMap<String, Card>,
    /// Answers by idempotency key.
    pub kept: HashMap<String, Kept>,
    /// Events that are to go out, each to one endpoint.
    pub outbound: Vec<(String, String)>,
    #[serde(skip)]
    pub calls: Vec<Call>,
    /// Where this server is, for the addresses of its pages.
    #[serde(skip)]
    pub base: String,
    /// What becomes of a subscription when every retry failed: `canceled` or `unpaid`.
    #[serde(default)]
    pub ends_unpaid: bool,
}

impl State {
    pub fn new(base: &str, now: i64) -> Self {
        Self { base: base.to_owned(), now, ..Self::default() }
    }

    pub fn id(&mut self, prefix: &str) -> String {
        self.made += 1;
        format!("{prefix}_sandbox{:06}", self.made)
    }

    /// Keeps an object that has an id.
    pub fn put(&mut self, object: Value) -> Value {
        let [id, kind] = ["id", "object"].map(|name| object[name].as_str().unwrap_or_default().to_owned());
        if self.objects.insert(id.clone(), object.clone()).is_none() {
            self.kinds.entry(kind).or_default().push(id);
        }
        object
    }

    pub fn find(&self, id: &str) -> Option<&Value> {
        self.objects.get(id)
    }

    /// The object of this kind with this id, named by the address.
    pub fn get(&self, kind: &str, id: &str) -> Answer<Value> {
        self.objects.get(id).filter(|object| object["object"] == kind).cloned().ok_or_else(|| Fault::no_such(kind, id))
    }

    /// The same, named by a parameter.
    pub fn named(&self, kind: &str, id: &str, param: &str) -> Answer<Value> {
        self.get(kind, id).map_err(|_| Fault::no_such_param(kind, id, param))
    }

    pub fn remove(&mut self, id: &str) {
        self.objects.remove(id);
        self.kinds.values_mut().for_each(|ids| ids.retain(|kept| kept != id));
    }

    /// Changes fields of an object; returns it.
    pub fn set(&mut self, id: &str, fields: Value) -> Value {
        let Some(object) = self.objects.get_mut(id) else { return Value::Null };
        for (name, value) in fields.as_object().into_iter().flatten() {
            object[name] = value.clone();
        }
        object.clone()
    }

    /// All objects of a kind, oldest first.
    pub fn each(&self, kind: &str) -> impl DoubleEndedIterator<Item = &Value> {
        self.kinds.get(kind).into_iter().flatten().filter_map(|id| self.objects.get(id))
    }

    pub fn all(&self, kind: &str) -> Vec<Value> {
        self.each(kind).cloned().collect()
    }

    /// A page of a list, newest first, as Stripe cuts it.
    pub fn page(&self, kind: &str, url: &str, params: &Params, fits: impl Fn(&Value) -> bool) -> Answer<Value> {
        let limit = params.number("limit")?.unwrap_or(10);
        if !(1..=100).contains(&limit) {
            return Err(Fault::invalid("Invalid limit: must be between 1 and 100", "limit"));
        }
        let mut fitting = self.each(kind).rev().filter(|object| fits(object));
        if let Some(after) = params.text("starting_after") {
            let found = fitting.find(|object| object["id"] == after);
            found.ok_or_else(|| Fault::no_such_param(kind, after, "starting_after"))?;
        }
        let page: Vec<&Value> = fitting.by_ref().take(usize::try_from(limit).unwrap_or(10)).collect();
        Ok(json!({"object": "list", "url": url, "data": page, "has_more": fitting.next().is_some()}))
    }

    /// Puts objects in the place of their ids, where that was asked for.
    pub fn expand(&self, answer: &mut Value, params: &Params) -> Answer<()> {
        for path in params.texts("expand") {
            if path.split('.').count() > 4 {
                return Err(Fault::invalid("You cannot expand more than 4 levels of a property", "expand"));
            }
            let names: Vec<&str> = path.split('.').collect();
            self.expand_path(answer, &names);
        }
        Ok(())
    }

    fn expand_path(&self, value: &mut Value, names: &[&str]) {
        if let Value::Array(list) = value {
            return list.iter_mut().for_each(|one| self.expand_path(one, names));
        }
        let Some((first, rest)) = names.split_first() else { return };
        let Some(field) = value.get_mut(*first) else { return };
        self.put_object(field);
        self.expand_path(field, rest);
    }

    fn put_object(&self, field: &mut Value) {
        match field {
            Value::Array(list) => list.iter_mut().for_each(|one| self.put_object(one)),
            Value::String(id) => {
                if let Some(object) = self.objects.get(id.as_str()) {
                    *field = object.clone();
                }
            }
            _ => {}
        }
    }

    /// Tells of something that happened to an object, now.
    pub fn tell(&mut self, kind: &str, object: &Value) {
        let id = self.id("evt");
        let mut object = object.clone();
        if let Some(map) = object.as_object_mut() {
            map.remove("sandbox");
        }
        let event = json!({
            "id": id, "object": "event", "type": kind, "created": self.now, "livemode": false,
            "api_version": super::VERSION, "pending_webhooks": 1, "request": {"id": null, "idempotency_key": null},
            "data": {"object": object},
        });
        self.put(event);
        for endpoint in self.all("webhook_endpoint") {
            let wanted = endpoint["enabled_events"].as_array().into_iter().flatten();
            let wants = wanted.filter_map(Value::as_str).any(|name| name == "*" || name == kind);
            if wants
                && endpoint["status"] == "enabled"
                && let Some(to) = endpoint["id"].as_str()
            {
                self.outbound.push((id.clone(), to.to_owned()));
            }
        }
    }
}
