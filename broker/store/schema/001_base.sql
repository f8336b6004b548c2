-- SPDX-License-Identifier: GPL-3.0-or-later
-- Ids are 32 hex digits, times are UTC microseconds (0: never), truth values are 0 or 1.
CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO counters (name, value) VALUES ('event', 0);
INSERT INTO counters (name, value) VALUES ('audit', 0);

CREATE TABLE templates (
    name TEXT PRIMARY KEY,
    os TEXT,
    current BIGINT NOT NULL,
    deleting BIGINT NOT NULL,
    created_us BIGINT NOT NULL,
    revision BIGINT NOT NULL
);

CREATE TABLE template_versions (
    id TEXT PRIMARY KEY,
    template TEXT NOT NULL REFERENCES templates (name),
    version BIGINT NOT NULL,
    state TEXT NOT NULL,
    sha256 TEXT,
    bytes BIGINT NOT NULL,
    virtual_mib BIGINT NOT NULL,
    created_us BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    UNIQUE (template, version)
);

CREATE TABLE pools (
    name TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    description TEXT,
    template TEXT NOT NULL REFERENCES templates (name),
    version BIGINT NOT NULL,
    kind TEXT NOT NULL,
    ready BIGINT NOT NULL,
    max BIGINT NOT NULL,
    memory_mib BIGINT NOT NULL,
    vcpus BIGINT NOT NULL,
    disk_mib BIGINT NOT NULL,
    network TEXT NOT NULL,
    profile TEXT NOT NULL,
    entitled_users TEXT NOT NULL,
    entitled_groups TEXT NOT NULL,
    locale TEXT,
    keyboard TEXT,
    time_zone TEXT,
    idle_lock_min BIGINT NOT NULL,
    idle_disconnect_min BIGINT NOT NULL,
    disconnected_log_off_min BIGINT NOT NULL,
    enabled BIGINT NOT NULL,
    deleting BIGINT NOT NULL,
    next_number BIGINT NOT NULL,
    breaker_until_us BIGINT NOT NULL,
    make_ms BIGINT NOT NULL,
    reason TEXT,
    created_us BIGINT NOT NULL,
    revision BIGINT NOT NULL
);

CREATE TABLE pool_errors (
    id TEXT PRIMARY KEY,
    pool TEXT NOT NULL,
    at_us BIGINT NOT NULL
);
CREATE INDEX pool_errors_by_pool ON pool_errors (pool, at_us);

CREATE TABLE hosts (
    name TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    boot_id TEXT,
    program_version TEXT,
    driver TEXT,
    accel TEXT,
    accel_reason TEXT,
    cpus BIGINT NOT NULL,
    memory_mib BIGINT NOT NULL,
    disk_mib BIGINT NOT NULL,
    memory_free_mib BIGINT NOT NULL,
    disk_free_mib BIGINT NOT NULL,
    disk_promised_mib BIGINT NOT NULL,
    load_milli BIGINT NOT NULL,
    capabilities TEXT NOT NULL,
    maintenance BIGINT NOT NULL,
    since_us BIGINT NOT NULL,
    created_us BIGINT NOT NULL,
    revision BIGINT NOT NULL
);

CREATE TABLE host_images (
    host TEXT NOT NULL REFERENCES hosts (name),
    template TEXT NOT NULL,
    version BIGINT NOT NULL,
    sha256 TEXT,
    bytes BIGINT NOT NULL,
    PRIMARY KEY (host, template, version)
);

CREATE TABLE join_tokens (
    secret_sha256 TEXT PRIMARY KEY,
    host TEXT NOT NULL,
    created_us BIGINT NOT NULL,
    expires_us BIGINT NOT NULL,
    used_us BIGINT NOT NULL
);

CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    pool TEXT NOT NULL,
    user_name TEXT NOT NULL,
    full_name TEXT,
    state TEXT NOT NULL,
    desktop TEXT,
    terminal TEXT,
    locale TEXT,
    keyboard TEXT,
    time_zone TEXT,
    reason TEXT,
    signing_on BIGINT NOT NULL,
    viewers BIGINT NOT NULL,
    since_us BIGINT NOT NULL,
    created_us BIGINT NOT NULL,
    ended_us BIGINT NOT NULL,
    revision BIGINT NOT NULL
);
CREATE UNIQUE INDEX one_live_session ON sessions (pool, user_name) WHERE state <> 'ended';
CREATE INDEX sessions_by_user ON sessions (user_name);
CREATE INDEX sessions_by_state ON sessions (state);

CREATE TABLE desktops (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    pool TEXT NOT NULL,
    host TEXT NOT NULL REFERENCES hosts (name),
    template TEXT NOT NULL,
    version BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    life TEXT NOT NULL,
    wished TEXT NOT NULL,
    memory_mib BIGINT NOT NULL,
    vcpus BIGINT NOT NULL,
    disk_mib BIGINT NOT NULL,
    network TEXT NOT NULL,
    maintenance BIGINT NOT NULL,
    draining BIGINT NOT NULL,
    tainted BIGINT NOT NULL,
    image_outdated BIGINT NOT NULL,
    quarantined BIGINT NOT NULL,
    user_name TEXT,
    session TEXT REFERENCES sessions (id),
    reason TEXT NOT NULL,
    retries BIGINT NOT NULL,
    since_us BIGINT NOT NULL,
    created_us BIGINT NOT NULL,
    seen_present BIGINT NOT NULL,
    seen_generation BIGINT NOT NULL,
    seen_power TEXT NOT NULL,
    seen_agent TEXT NOT NULL,
    seen_prepared BIGINT NOT NULL,
    seen_console BIGINT NOT NULL,
    seen_signed_on TEXT,
    seen_signed_off BIGINT NOT NULL,
    seen_viewers BIGINT NOT NULL,
    seen_memory_mib BIGINT NOT NULL,
    seen_overlay_mib BIGINT NOT NULL,
    error_code TEXT,
    error_message TEXT,
    revision BIGINT NOT NULL
);
CREATE UNIQUE INDEX one_desktop_per_session ON desktops (session) WHERE session IS NOT NULL;
CREATE INDEX desktops_by_pool ON desktops (pool, life);

CREATE TABLE operations (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    percent BIGINT NOT NULL,
    text TEXT,
    subject TEXT,
    goal BIGINT NOT NULL,
    user_name TEXT,
    error_code TEXT,
    error_text TEXT,
    created_us BIGINT NOT NULL,
    finished_us BIGINT NOT NULL,
    deadline_us BIGINT NOT NULL,
    revision BIGINT NOT NULL
);
CREATE INDEX operations_by_state ON operations (state);

CREATE TABLE commands (
    id TEXT PRIMARY KEY,
    host TEXT NOT NULL,
    kind TEXT NOT NULL,
    desktop TEXT,
    session TEXT,
    operation TEXT,
    fields TEXT NOT NULL,
    state TEXT NOT NULL,
    code TEXT,
    message TEXT,
    created_us BIGINT NOT NULL,
    deadline_us BIGINT NOT NULL,
    finished_us BIGINT NOT NULL,
    revision BIGINT NOT NULL
);
CREATE INDEX commands_by_host ON commands (host, state);

CREATE TABLE local_users (
    name TEXT PRIMARY KEY,
    password_hash TEXT NOT NULL,
    full_name TEXT,
    admin BIGINT NOT NULL,
    created_us BIGINT NOT NULL,
    revision BIGINT NOT NULL
);

CREATE TABLE sign_ins (
    id TEXT PRIMARY KEY,
    token_sha256 TEXT NOT NULL UNIQUE,
    user_name TEXT NOT NULL,
    full_name TEXT,
    member_of TEXT NOT NULL,
    admin BIGINT NOT NULL,
    provider TEXT NOT NULL,
    peer TEXT,
    terminal TEXT,
    created_us BIGINT NOT NULL,
    expires_us BIGINT NOT NULL
);
CREATE INDEX sign_ins_by_user ON sign_ins (user_name);

CREATE TABLE users_seen (
    name TEXT PRIMARY KEY,
    full_name TEXT,
    provider TEXT NOT NULL,
    admin BIGINT NOT NULL,
    seen_us BIGINT NOT NULL
);

CREATE TABLE idempotency (
    user_name TEXT NOT NULL,
    key_text TEXT NOT NULL,
    body_sha256 TEXT NOT NULL,
    status BIGINT NOT NULL,
    body TEXT,
    created_us BIGINT NOT NULL,
    PRIMARY KEY (user_name, key_text)
);

CREATE TABLE audit (
    id BIGINT PRIMARY KEY,
    at_us BIGINT NOT NULL,
    event TEXT NOT NULL,
    thing TEXT NOT NULL,
    thing_id TEXT NOT NULL,
    desktop TEXT,
    session TEXT,
    user_name TEXT,
    from_state TEXT,
    to_state TEXT,
    reason TEXT,
    actor TEXT NOT NULL,
    text TEXT
);
CREATE INDEX audit_by_thing ON audit (thing, thing_id);
CREATE INDEX audit_by_desktop ON audit (desktop);
CREATE INDEX audit_by_session ON audit (session);
CREATE INDEX audit_by_user ON audit (user_name);

CREATE TABLE events (
    id BIGINT PRIMARY KEY,
    type TEXT NOT NULL,
    subject TEXT NOT NULL,
    user_name TEXT,
    deleted BIGINT NOT NULL,
    at_us BIGINT NOT NULL
);
