-- What members do for themselves: codes, another address, leaving; and what widgets ask for.

-- A six-digit code stands beside a link: the reference of the request it belongs to, and how often
-- it was tried. The code itself is derived from the key file, like the link's token.
ALTER TABLE magic_links ADD COLUMN code_ref BLOB;
ALTER TABLE magic_links ADD COLUMN code_tries INTEGER NOT NULL DEFAULT 0;
-- The browser that asked may wait for its link to be used elsewhere.
ALTER TABLE magic_links ADD COLUMN waited_since BIGINT;
ALTER TABLE magic_links ADD COLUMN number_tries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE magic_links ADD COLUMN granted_at BIGINT;
CREATE UNIQUE INDEX magic_links_of_code ON magic_links (code_ref) WHERE code_ref IS NOT NULL;
-- Who waits was offered a code: other links, the many, need no place in this index.
CREATE INDEX magic_links_of_browser ON magic_links (asked_by, created_at) WHERE code_ref IS NOT NULL;

ALTER TABLE members ADD COLUMN language TEXT;
ALTER TABLE members ADD COLUMN paused_until BIGINT;
ALTER TABLE members ADD COLUMN erase_at BIGINT;
CREATE INDEX members_to_erase ON members (erase_at) WHERE erase_at IS NOT NULL;

-- What brought a new member (protocol B.14).
CREATE TABLE member_attributions (
    member_id       BLOB NOT NULL PRIMARY KEY REFERENCES members (id) ON DELETE CASCADE,
    resource_id     TEXT,
    resource_type   TEXT,
    resource_url    TEXT,
    referrer_source TEXT,
    referrer_medium TEXT,
    referrer_url    TEXT,
    utm_source      TEXT,
    utm_medium      TEXT,
    utm_campaign    TEXT,
    utm_term        TEXT,
    utm_content     TEXT
) WITHOUT ROWID;

CREATE TABLE email_changes (
    id         BLOB  NOT NULL PRIMARY KEY,
    member_id  BLOB  NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    from_email TEXT   NOT NULL,
    to_email   TEXT   NOT NULL,
    changed_at BIGINT NOT NULL,
    undo_until BIGINT NOT NULL,
    undone_at  BIGINT
) WITHOUT ROWID;
CREATE INDEX email_changes_of_member ON email_changes (member_id);

-- Addresses that were erased, as a hash under the key file: they are not mailed to again unless
-- their owner comes back.
CREATE TABLE erased_addresses (
    hash      BLOB  NOT NULL PRIMARY KEY,
    erased_at BIGINT NOT NULL
) WITHOUT ROWID;

-- The mail about a change of address, and the one that is about its member.
ALTER TABLE outbox ADD COLUMN change_id BLOB;
ALTER TABLE outbox ADD COLUMN member_id BLOB;

-- A key that another one replaced is published until the last token it signed is over.
ALTER TABLE signing_keys ADD COLUMN retired_at BIGINT;

-- Keys of programs. What must be shown again is encrypted under the key file; a request finds its
-- key by the hash.
CREATE TABLE api_keys (
    id           BLOB  NOT NULL PRIMARY KEY,
    kind         TEXT   NOT NULL,
    name         TEXT   NOT NULL,
    secret_hash  BLOB  NOT NULL UNIQUE,
    sealed       BLOB  NOT NULL,
    created_at   BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE tiers (
    id               BLOB   NOT NULL PRIMARY KEY,
    name             TEXT    NOT NULL,
    slug             TEXT    NOT NULL UNIQUE,
    description      TEXT,
    kind             TEXT    NOT NULL,
    benefits         TEXT    NOT NULL DEFAULT '[]',
    welcome_page_url TEXT,
    is_public        BOOLEAN NOT NULL DEFAULT TRUE,
    is_active        BOOLEAN NOT NULL DEFAULT TRUE,
    sort_order       INTEGER NOT NULL DEFAULT 0,
    currency         TEXT,
    monthly_minor    BIGINT,
    yearly_minor     BIGINT,
    trial_days       INTEGER NOT NULL DEFAULT 0,
    created_at       BIGINT  NOT NULL,
    updated_at       BIGINT  NOT NULL
) WITHOUT ROWID;
