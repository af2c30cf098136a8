//! Being told of changes: for answers that are kept in the process (SQLite only).

use std::sync::Arc;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Nullable};

use super::{Conn, DbResult};

/// Somebody who is told what commits changed.
#[derive(Clone)]
pub struct Watch {
    /// Temporary triggers that note keys in `touched (key)`; `NULL` stands for everything.
    pub triggers: &'static str,
    /// Called after the commit, before the askers have their answers.
    pub tell: Arc<dyn Fn(Changed<'_>) + Send + Sync>,
}

/// What changed.
#[derive(Clone, Copy, Debug)]
pub enum Changed<'a> {
    Keys(&'a [Vec<u8>]),
    Everything,
}

#[derive(QueryableByName)]
struct Touched {
    #[diesel(sql_type = Nullable<Binary>)]
    key: Option<Vec<u8>>,
}

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = BigInt)]
    data_version: i64,
}

impl Watch {
    /// Prepares a connection that writes. Whatever was changed while there was none may be anything.
    pub fn begin(&self, conn: &mut Conn) -> DbResult<()> {
        conn.batch_execute("CREATE TEMP TABLE touched (key BLOB)")?;
        conn.batch_execute(self.triggers)?;
        (self.tell)(Changed::Everything);
        Ok(())
    }
}

/// Takes what was noted since the last time, inside the transaction that noted it. `None`:
/// everything.
pub fn take_touched(conn: &mut Conn) -> DbResult<Option<Vec<Vec<u8>>>> {
    let Conn::Sqlite(conn) = conn else { return Ok(Some(Vec::new())) };
    let touched: Vec<Touched> = diesel::sql_query("SELECT key FROM temp.touched").load(conn)?;
    if !touched.is_empty() {
        diesel::sql_query("DELETE FROM temp.touched").execute(conn)?;
    }
    Ok(touched.into_iter().map(|row| row.key).collect())
}

/// A number that is another one after somebody else, as a command beside the service, has written.
pub fn foreign_changes(conn: &mut Conn) -> DbResult<i64> {
    let Conn::Sqlite(conn) = conn else { return Ok(0) };
    let version: Version = diesel::sql_query("SELECT data_version FROM pragma_data_version").get_result(conn)?;
    Ok(version.data_version)
}
