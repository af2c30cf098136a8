-- Who runs the site, what they did, and the work that takes long.

CREATE TABLE staff (
    id             BLOB    NOT NULL PRIMARY KEY,
    email          TEXT    NOT NULL,
    email_key      TEXT    NOT NULL UNIQUE,
    name           TEXT    NOT NULL,
    role           TEXT    NOT NULL,
    -- Argon2id, as a PHC string.
    password       TEXT    NOT NULL,
    -- Secret of the second factor, sealed; the step of the last code that was taken.
    totp           BLOB,
    totp_step      BIGINT  NOT NULL DEFAULT 0,
    -- Wrong passwords in a row.
    failures       INTEGER NOT NULL DEFAULT 0,
    created_at     BIGINT  NOT NULL,
    last_seen_at   BIGINT
) WITHOUT ROWID;

CREATE TABLE staff_recovery_codes (
    hash     BLOB NOT NULL PRIMARY KEY,
    staff_id BLOB NOT NULL REFERENCES staff (id) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX staff_recovery_codes_of_staff ON staff_recovery_codes (staff_id);

CREATE TABLE staff_sessions (
    token_hash        BLOB    NOT NULL PRIMARY KEY,
    staff_id          BLOB    NOT NULL REFERENCES staff (id) ON DELETE CASCADE,
    agent             TEXT,
    client            TEXT    NOT NULL,
    has_second_factor BOOLEAN NOT NULL,
    created_at        BIGINT  NOT NULL,
    last_used_at      BIGINT  NOT NULL,
    -- When password or second factor were last asked for.
    proved_at         BIGINT  NOT NULL
) WITHOUT ROWID;
CREATE INDEX staff_sessions_of_staff ON staff_sessions (staff_id);

-- Browsers and networks that an account was used from, as a hash: a further one is told of by mail.
CREATE TABLE staff_places (
    staff_id BLOB   NOT NULL REFERENCES staff (id) ON DELETE CASCADE,
    place    BLOB   NOT NULL,
    seen_at  BIGINT NOT NULL,
    PRIMARY KEY (staff_id, place)
) WITHOUT ROWID;

-- Links that make an account, give it another password, or open it after too many wrong ones.
CREATE TABLE staff_links (
    id         BLOB   NOT NULL PRIMARY KEY,
    token_hash BLOB   NOT NULL UNIQUE,
    purpose    TEXT   NOT NULL,
    email      TEXT,
    role       TEXT,
    staff_id   BLOB   REFERENCES staff (id) ON DELETE CASCADE,
    made_by    TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT
) WITHOUT ROWID;

-- What staff are told about their own account.
CREATE TABLE staff_notices (
    id         BLOB   NOT NULL PRIMARY KEY,
    staff_id   BLOB   NOT NULL REFERENCES staff (id) ON DELETE CASCADE,
    kind       TEXT   NOT NULL,
    facts      TEXT   NOT NULL,
    created_at BIGINT NOT NULL
) WITHOUT ROWID;

ALTER TABLE outbox ADD COLUMN staff_link_id BLOB;
ALTER TABLE outbox ADD COLUMN staff_notice_id BLOB;

-- Who changed what. Rows are only ever added; each is sealed together with the one before it.
CREATE TABLE audit_log (
    number      BIGINT NOT NULL PRIMARY KEY,
    at          BIGINT NOT NULL,
    actor_kind  TEXT   NOT NULL,
    actor_id    TEXT   NOT NULL,
    actor_name  TEXT   NOT NULL,
    action      TEXT   NOT NULL,
    target_kind TEXT   NOT NULL,
    target_id   TEXT   NOT NULL,
    client      TEXT   NOT NULL,
    request_id  TEXT   NOT NULL,
    before      TEXT   NOT NULL,
    after       TEXT   NOT NULL,
    seal        BLOB   NOT NULL
) WITHOUT ROWID;
CREATE INDEX audit_log_of_target ON audit_log (target_kind, target_id, number);
CREATE INDEX audit_log_of_actor ON audit_log (actor_id, number);
CREATE INDEX audit_log_of_action ON audit_log (action, number);
CREATE TRIGGER audit_log_stays BEFORE UPDATE ON audit_log BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;
CREATE TRIGGER audit_log_keeps BEFORE DELETE ON audit_log BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;

-- A session that staff opened in a member's name.
ALTER TABLE sessions ADD COLUMN staff_id BLOB;

CREATE TABLE member_notes (
    id         BLOB   NOT NULL PRIMARY KEY,
    member_id  BLOB   NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    author     TEXT   NOT NULL,
    text       TEXT   NOT NULL,
    created_at BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX member_notes_of_member ON member_notes (member_id);

-- For looking members up. A name is looked for in lower case.
ALTER TABLE members ADD COLUMN name_key TEXT;
UPDATE members SET name_key = lower(name) WHERE name IS NOT NULL;
CREATE INDEX members_by_name ON members (name_key) WHERE name_key IS NOT NULL;
CREATE INDEX members_by_status ON members (status, id) WHERE status <> 'free';
CREATE INDEX members_by_language ON members (language, id) WHERE language IS NOT NULL;
CREATE INDEX members_by_last_seen ON members (coalesce(last_seen_at, 0), id);
CREATE INDEX members_with_billing ON members (id) WHERE has_billing;
CREATE INDEX members_paused ON members (paused_until) WHERE paused_until IS NOT NULL;
CREATE INDEX newsletter_subscriptions_of_list ON newsletter_subscriptions (newsletter_id, member_id);
CREATE INDEX member_labels_of_label ON member_labels (label_id, member_id);

-- How much of everything there was at the end of each day (days since 1970).
CREATE TABLE daily_figures (
    day    INTEGER NOT NULL,
    figure TEXT    NOT NULL,
    value  BIGINT  NOT NULL,
    PRIMARY KEY (day, figure)
) WITHOUT ROWID;

-- Work that takes long. It goes on where it was after a restart.
CREATE TABLE jobs (
    id          BLOB   NOT NULL PRIMARY KEY,
    kind        TEXT   NOT NULL,
    state       TEXT   NOT NULL,
    request     TEXT   NOT NULL,
    made_by     TEXT   NOT NULL,
    total       BIGINT NOT NULL,
    done        BIGINT NOT NULL DEFAULT 0,
    place       TEXT,
    report      TEXT   NOT NULL DEFAULT '{}',
    created_at  BIGINT NOT NULL,
    finished_at BIGINT,
    undo_until  BIGINT,
    lease_until BIGINT,
    leased_by   BLOB
) WITHOUT ROWID;
CREATE INDEX jobs_open ON jobs (created_at) WHERE state IN ('waiting', 'running');

-- A file that was sent in, in pieces.
CREATE TABLE job_pieces (
    job_id BLOB    NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    bytes  BLOB    NOT NULL,
    PRIMARY KEY (job_id, number)
);

CREATE TABLE job_lines (
    job_id BLOB   NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    line   BIGINT NOT NULL,
    kind   TEXT   NOT NULL,
    text   TEXT   NOT NULL,
    PRIMARY KEY (job_id, line)
) WITHOUT ROWID;

-- Whom a job changed, so that it can be taken back.
CREATE TABLE job_members (
    job_id    BLOB NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    member_id BLOB NOT NULL,
    PRIMARY KEY (job_id, member_id)
) WITHOUT ROWID;

ALTER TABLE newsletters ADD COLUMN sender_name TEXT;
ALTER TABLE newsletters ADD COLUMN reply_to TEXT;

CREATE INDEX payments_by_day ON payments (paid_at);
CREATE INDEX paid_subscriptions_owing ON paid_subscriptions (past_due_since) WHERE past_due_since IS NOT NULL;
CREATE INDEX stripe_events_by_day ON stripe_events (received_at);

-- Settings that were changed in the pages, sealed. What the environment or the file says comes first.
CREATE TABLE stored_settings (
    key        TEXT   NOT NULL PRIMARY KEY,
    sealed     BLOB   NOT NULL,
    changed_at BIGINT NOT NULL
) WITHOUT ROWID;

-- Keys that mails are signed with (RFC 6376).
CREATE TABLE dkim_keys (
    selector   TEXT   NOT NULL PRIMARY KEY,
    domain     TEXT   NOT NULL,
    sealed     BLOB   NOT NULL,
    public_key TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    used_since BIGINT
) WITHOUT ROWID;
