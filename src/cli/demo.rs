//! `readership demo`.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use super::{serve, start_logging, until_told_to_stop};
use crate::config::DatabaseUrl;
use crate::sandbox::demo::{Demo, DemoOptions};

#[derive(Args)]
pub struct Options {
    /// First of five neighbouring ports: newsroom, members, inbox, mail server, stand-in for Stripe.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Folder for the demo's database; kept between runs [default: one in the temporary folder].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Forget what an earlier run of the demo stored.
    #[arg(long)]
    fresh: bool,
    /// Use this PostgreSQL database instead of SQLite (postgres://…).
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
}

pub fn run(options: Options) -> anyhow::Result<()> {
    start_logging("warn", false)?;
    let data_dir =
        options.data_dir.unwrap_or_else(|| std::env::temp_dir().join(format!("readership-demo-{}", options.port)));
    if options.fresh {
        forget(&data_dir)?;
    }
    let demo = DemoOptions {
        port: options.port,
        data_dir: data_dir.clone(),
        database: options.postgres.map(DatabaseUrl::Postgres),
    };
    actix_web::rt::System::new().block_on(async {
        // Before anything is said: whoever reads "Ctrl-C ends it" may be quick.
        let told = until_told_to_stop()?;
        let demo = Demo::start(demo).await?;
        println!(
            "\nThe demo newsroom REX Wire is open.

  Newsroom   {newsroom}
  Inbox      {inbox}
  Members    {members}
  Stripe     {bank} (a stand-in: no money moves)
  Data       {data}

Try this:
  1. Open the newsroom, type any address into the footer, press Subscribe.
  2. Open the inbox: the mail is there. Its link brings you back, subscribed and signed in.
  3. Open the same link in a private window: it shows a page and asks before it does anything.
  4. {newsroom}plain/ is the same page without any script.
  5. {members}members/account/ is your account: newsletters, address, language, devices, your data.
  6. Sign out, then \"Sign in\" at the top of the newsroom: the page that waits takes the code of the mail,
     or goes on by itself when you open the link in another browser and type its number there.
  7. The welcome mail ends with a link to unsubscribe.
  8. {members}members/checkout/ sells two plans. Pay with the card 4242424242424242, or with
     4000000000000341, which is declined when it is to pay again.
  9. {bank} moves the clock: a month later the payment fails, a mail says so, its button leads to another
     card, and the footer says that the billing is updated.
 10. {members}members/account/plan/ changes, ends and resumes the plan.
 11. {members}admin/ is where staff work: the link below makes the first account.

Ctrl-C ends it.\n",
            newsroom = demo.newsroom,
            inbox = demo.inbox,
            bank = demo.bank,
            members = demo.members,
            data = data_dir.display(),
        );
        serve::show_first_link(&demo.running.app).await?;
        told.await;
        demo.stop().await;
        println!("The demo has ended.");
        Ok(())
    })
}

/// Removes only the files that a demo makes.
fn forget(data_dir: &std::path::Path) -> anyhow::Result<()> {
    for name in ["readership.db", "readership.db-wal", "readership.db-shm", "secret.key", "stripe.json"] {
        let path = data_dir.join(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot remove {}", path.display()));
            }
            _ => {}
        }
    }
    Ok(())
}
