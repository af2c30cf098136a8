-- What a key of a program may do, until when, and when it was last used.
ALTER TABLE api_keys ADD COLUMN scope TEXT NOT NULL DEFAULT 'all';
ALTER TABLE api_keys ADD COLUMN expires_at BIGINT;
ALTER TABLE api_keys ADD COLUMN last_used_at BIGINT;
