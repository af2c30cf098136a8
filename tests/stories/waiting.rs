//! The browser that asked finishes by itself when the link is opened on another device.

use std::time::Duration;

use crate::story;
use crate::support::people::{Answer, Person};
use crate::support::world::World;

async fn waits(person: &Person, email: &str) -> Answer {
    person.asks_with("signin", email, &[("then", "wait"), ("return_to", "http://site.test/")]).await;
    person.get("members/waiting/").await
}

/// The two-digit number on the waiting page.
fn number_of(page: &Answer) -> String {
    let (_, rest) = page.body.split_once("class=\"number\" dir=\"ltr\">").unwrap_or_else(|| panic!("{}", page.body));
    rest[..2].to_owned()
}

/// Lets in the browser that asked, from the link's page on another device.
async fn lets_in(world: &World, person: &Person, link: &str, number: &str) -> Answer {
    let token = crate::support::people::token_of(link);
    let origin = world.url.origin().ascii_serialization();
    person.posts_from(&origin, "members/", &[("token", &token), ("where", "asked"), ("number", number)]).await
}

fn another(number: &str) -> String {
    (10 + (number.parse::<u32>().unwrap() - 10 + 1) % 90).to_string()
}

story! {
    async fn the_asking_browser_completes_when_it_is_let_in(world: World) {
        world.member("ada@example.org").await;
        let (desk, phone) = (world.visitor(), world.visitor());
        let page = waits(&desk, "ada@example.org").await;
        assert!(page.body.contains("Check your mail") && page.body.contains("http-equiv=\"refresh\" content=\"5\""));
        let link = world.nth_link("ada@example.org", 2).await;
        let opened = phone.opens(&link).await;
        assert!(opened.body.contains("Sign in here") && opened.body.contains("Sign in where I asked"), "{}", opened.body);
        assert!(!opened.body.contains(&format!(">{}<", number_of(&page))), "the number is on the other screen only");

        let granted = lets_in(&world, &phone, &link, &number_of(&page)).await;
        assert_eq!(granted.status, 200);
        assert!(granted.body.contains("Look at the other screen"));
        assert!(phone.record().await.is_none() && desk.record().await.is_none(), "nobody is signed in by the button itself");

        let answer = desk.get("members/waiting/").await;
        assert_eq!((answer.status.as_u16(), answer.location()), (303, "http://site.test/?action=signin&success=true#members-signin-ok"));
        assert!(desk.record().await.is_some() && phone.record().await.is_none());
        // Once: the link is used up, for everybody.
        phone.opens(&link).await.is_page_with_button(410);
        assert!(world.visitor().get("members/waiting/").await.body.contains("nothing to wait for"));
    }
}

story! {
    async fn a_wrong_number_lets_nobody_in_and_three_end_the_offer(world: World) {
        world.member("ada@example.org").await;
        let (desk, phone) = (world.visitor(), world.visitor());
        let number = number_of(&waits(&desk, "ada@example.org").await);
        let link = world.nth_link("ada@example.org", 2).await;
        for tried in 0..3 {
            assert!(phone.opens(&link).await.body.contains("name=\"number\""), "after {tried} tries");
            let answer = lets_in(&world, &phone, &link, &another(&number)).await;
            assert_eq!(answer.status, 422);
            assert!(answer.body.contains("do not go on"), "{}", answer.body);
        }
        assert!(!phone.opens(&link).await.body.contains("name=\"number\""), "there is no further try");
        let late = lets_in(&world, &phone, &link, &number).await;
        assert!(!late.body.contains("Sign in where I asked"), "{}", late.body);
        assert_eq!(desk.get("members/waiting/").await.status, 200);
        assert!(desk.record().await.is_none());
        phone.confirms(&link).await.lands_on("members-signin-ok");
    }
}

story! {
    async fn only_a_browser_that_waits_is_let_in(world: World) {
        world.member("ada@example.org").await;
        let (desk, phone) = (world.visitor(), world.visitor());
        desk.asks("signin", "ada@example.org").await;
        let link = world.nth_link("ada@example.org", 2).await;
        assert!(!phone.opens(&link).await.body.contains("Sign in where I asked"));
        for number in 10..16 {
            lets_in(&world, &phone, &link, &number.to_string()).await;
        }
        assert_eq!(world.count("magic_links", "granted_at IS NOT NULL").await, 0);
        // A browser without the cookie of the asking one sees nothing of it.
        let thief = world.visitor();
        waits(&thief, "thief@example.org").await;
        assert_eq!(thief.get("members/waiting/").await.status, 200);
        assert!(thief.record().await.is_none());
    }
}

story! {
    async fn what_was_granted_ends_with_the_link(world: World) {
        world.member("ada@example.org").await;
        let (desk, phone) = (world.visitor(), world.visitor());
        let number = number_of(&waits(&desk, "ada@example.org").await);
        let link = world.nth_link("ada@example.org", 2).await;
        lets_in(&world, &phone, &link, &number).await;
        world.clock.advance(Duration::from_secs(3_600));
        let page = desk.get("members/waiting/").await;
        assert!(page.status == 200 && page.body.contains("This link has ended"), "{}", page.body);
        assert!(desk.record().await.is_none());
    }
}

story! {
    /// The mail is read in another tab of the browser that asked: its page goes on too.
    async fn another_tab_of_the_same_browser_is_here_already(world: World) {
        world.member("ada@example.org").await;
        let desk = world.visitor();
        waits(&desk, "ada@example.org").await;
        desk.opens(&world.nth_link("ada@example.org", 2).await).await.lands_on("members-signin-ok");
        let answer = desk.get("members/waiting/").await;
        assert_eq!((answer.status.as_u16(), answer.location()), (303, "http://site.test/"));
        // Signed in as somebody else, this browser is not the one the link let in.
        let other = world.member("bob@example.org").await;
        waits(&other, "ada@example.org").await;
        world.visitor().confirms_waited(&world.nth_link("ada@example.org", 3).await).await.lands_on("members-signin-ok");
        assert!(other.get("members/waiting/").await.body.contains("used in another browser"));
    }
}

story! {
    async fn who_waits_is_told_that_the_link_was_used_elsewhere(world: World) {
        world.member("ada@example.org").await;
        let (desk, phone) = (world.visitor(), world.visitor());
        waits(&desk, "ada@example.org").await;
        phone.confirms_waited(&world.nth_link("ada@example.org", 2).await).await.lands_on("members-signin-ok");
        assert!(desk.get("members/waiting/").await.body.contains("used in another browser"));
        assert!(desk.record().await.is_none());
    }
}

story! {
    /// V5: the page says nothing about whether a mail went out.
    async fn known_and_unknown_addresses_wait_alike(world: World, with |settings| settings.limits.address_per_hour = 1) {
        world.member("ada@example.org").await;
        let mut pages = Vec::new();
        for email in ["nobody@example.org", "ada@example.org"] {
            let person = world.visitor();
            let page = waits(&person, email).await;
            let number = number_of(&page);
            let nonce = page.body.split("nonce=\"").nth(1).unwrap()[..22].to_owned();
            pages.push(page.body.replace(&nonce, "N").replace(&format!(">{number}<"), ">N<"));
        }
        assert_eq!(pages[0], pages[1], "ada's mail was over the limit, nobody's leads nowhere");
        assert_eq!(world.mailbox.to("nobody@example.org").len(), 0);
    }
}

story! {
    async fn with_a_script_an_event_says_when(world: World) {
        world.member("ada@example.org").await;
        let (desk, phone) = (world.visitor(), world.visitor());
        let number = number_of(&waits(&desk, "ada@example.org").await);
        let link = world.nth_link("ada@example.org", 2).await;
        let stream = desk.get("members/waiting/events/");
        let grants = async {
            lets_in(&world, &phone, &link, &number).await;
        };
        let (said, ()) = tokio::join!(stream, grants);
        assert_eq!(said.header("content-type"), "text/event-stream; charset=utf-8");
        assert!(said.header("cache-control").contains("no-store"));
        assert!(said.body.ends_with("event: change\ndata: \n\n"), "{}", said.body);
        assert_eq!(desk.get("members/waiting/").await.status, 303);
        assert_eq!(world.visitor().get("members/waiting/events/").await.status, 404);
    }
}

story! {
    async fn streams_have_so_many_places(world: World, with |settings| settings.limits.waiting_streams = 1) {
        world.member("ada@example.org").await;
        // Each node has so many.
        let desk = Person::new(world.node());
        waits(&desk, "ada@example.org").await;
        let url = world.node().join("members/waiting/events/").unwrap();
        let mut first = desk.client.get(url.clone()).send().await.unwrap();
        assert_eq!(first.status(), 200);
        let second = desk.get("members/waiting/events/").await;
        assert_eq!((second.status.as_u16(), second.header("retry-after")), (503, "2"));
        drop(first.chunk());
        drop(first);
        world.until("the place is free again", async |_| desk.client.get(url.clone()).send().await.unwrap().status() == 200).await;
    }
}
