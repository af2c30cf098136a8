//! People who run the site.

use readership::ids::MemberId;
use readership::jobs::{self, Job};
use readership::members;
use readership::members::address::EmailAddress;
use readership::staff::links;
use readership::staff::roles::Role;
use totp_rs::Totp;

use super::people::{Answer, Person};
use super::world::World;

pub const PASSWORD: &str = "eleven ferries cross at midnight";

impl World {
    /// The link that `serve` prints, as long as there is nobody.
    pub async fn first_link(&self) -> Option<String> {
        let (rules, now) = (self.app().rules.clone(), self.app().now());
        let made = self.app().db.write(move |conn| links::first(conn, &rules.key, &rules.settings, now)).await.unwrap();
        made.map(|token| token.reveal().to_owned())
    }

    /// Somebody of a role, signed in.
    pub async fn staff(&self, role: Role) -> Person {
        self.staff_named(&format!("{role}@rexwire.test"), role).await
    }

    pub async fn staff_named(&self, address: &str, role: Role) -> Person {
        let (rules, now) = (self.app().rules.clone(), self.app().now());
        let email = EmailAddress::parse(address).unwrap();
        let made =
            self.app().db.write(move |conn| links::from_command(conn, &rules.key, &rules.settings, &email, role, now));
        let token = made.await.unwrap();
        let person = self.visitor();
        let fields = [("token", token.reveal()), ("name", role.as_str()), ("password", PASSWORD), ("again", PASSWORD)];
        let joined = person.does("join/", &fields).await;
        assert_eq!(joined.status, 303, "{}", joined.body);
        person
    }

    /// Sets a second factor up; returns its secret and the recovery codes.
    pub async fn sets_up_second_factor(&self, person: &Person) -> (Totp, Vec<String>) {
        let page = person.looks_at("account/second-factor/").await;
        let secret = page.split("<code>").nth(1).unwrap().split('<').next().unwrap().replace(' ', "");
        let secret = data_encoding::BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
        let totp = totp_rs::Builder::new().with_secret(secret).with_skew(1).build().unwrap();
        let code = self.code_at(&totp, 0);
        let done =
            person.does("account/second-factor/", &[("sealed", &hidden(&page, "sealed")), ("code", &code)]).await;
        assert_eq!(done.status, 200, "{}", done.body);
        let codes = done.body.split("<li>").skip(1).map(|part| part.split('<').next().unwrap().to_owned());
        let codes = codes.filter(|code| code.len() == 19).collect();
        (totp, codes)
    }

    /// The code of so many steps from now.
    pub fn code_at(&self, totp: &Totp, steps: i64) -> String {
        let at = self.clock.now().seconds() + steps * 30;
        totp.generate(u64::try_from(at).unwrap()).to_string()
    }

    /// The id of a member.
    pub async fn id_of(&self, address: &str) -> MemberId {
        let email = EmailAddress::parse(address).unwrap();
        self.look(move |conn| members::find_by_email(conn, &email)).await.expect("the member is there")
    }

    /// Has members taken out, waits for the file and fetches it.
    pub async fn takes_out(&self, who: &Person, filter: &str) -> Answer {
        let page = who.does("members/export/", &[("filter", filter)]).await.location().to_owned();
        let job = self.job_rests(&page).await;
        assert_eq!(job.state, jobs::State::Done, "{}", job.report);
        who.does(&format!("jobs/{}/file/", job.id), &[]).await
    }

    /// Waits until a job is at rest.
    pub async fn job_rests(&self, page: &str) -> Job {
        let id: readership::ids::JobId =
            page.split("jobs/").nth(1).unwrap().split('/').next().unwrap().parse().unwrap();
        self.until("the job comes to rest", async |world| {
            world.look(move |conn| jobs::find(conn, id)).await.is_some_and(|job| !job.state.is_open())
        })
        .await;
        self.look(move |conn| jobs::find(conn, id)).await.unwrap()
    }
}

impl Person {
    /// Sends a form of a page of staff.
    pub async fn does(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let origin = self.base.origin().ascii_serialization();
        self.posts_from(&origin, &format!("admin/{path}"), fields).await
    }

    /// The same, and it is done.
    pub async fn did(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let answer = self.does(path, fields).await;
        assert_eq!(answer.status, 303, "{path}: {}", answer.body);
        answer
    }

    /// Opens a page of staff.
    pub async fn looks_at(&self, path: &str) -> String {
        let answer = self.get(&format!("admin/{path}")).await;
        assert_eq!(answer.status, 200, "{path}: {} {}", answer.location(), answer.body);
        answer.body
    }

    /// Sends a file of members in.
    pub async fn sends_in(&self, csv: &str, more: &[(&str, &str)]) -> Answer {
        let boundary = "a boundary of the story".replace(' ', "");
        let mut body = String::new();
        for (name, value) in more {
            body += &format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        }
        body += &format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"readers.csv\"\r\nContent-Type: text/csv\r\n\r\n{csv}\r\n--{boundary}--\r\n"
        );
        let kind = format!("multipart/form-data; boundary={boundary}");
        let origin = self.base.origin().ascii_serialization();
        let headers = [("content-type", kind.as_str()), ("origin", origin.as_str())];
        self.request(reqwest::Method::POST, "admin/jobs/import/", &headers, Some(body)).await
    }
}

/// The value of the first hidden field of this name.
pub fn hidden(page: &str, name: &str) -> String {
    let start = format!("name=\"{name}\" value=\"");
    let rest = page.split(&start).nth(1).unwrap_or_else(|| panic!("no field {name} in {page}"));
    rest.split('"')
        .next()
        .unwrap()
        .replace("&#34;", "\"")
        .replace("&#38;", "&")
        .replace("&amp;", "&")
        .replace("&quot;", "\"")
}
