-- +goose Up
create table sequences (
    name  text primary key,
    value bigint not null
);
create table events (
    seq      bigint primary key,
    kind     text not null,
    at       bigint not null,
    actor    text not null,
    subject  text not null,
    grp      text not null,
    service  text not null,
    body     text not null,
    data     jsonb
);
create index events_grp on events (grp, seq) where grp <> '';
create index events_subject on events (subject, seq);
create index events_kind on events (kind, seq);
create table cursors (
    name text primary key,
    seq  bigint not null
);
create table jobs (
    id          text primary key,
    kind        text not null,
    key         text not null,
    due_at      bigint not null,
    args        jsonb,
    attempts    bigint not null,
    lease_until bigint not null,
    stuck       bigint not null,
    error       text not null
);
create unique index jobs_key on jobs (kind, key);
create index jobs_due on jobs (due_at) where stuck = 0;
create table leases (
    name       text primary key,
    holder     text not null,
    token      bigint not null,
    expires_at bigint not null
);
create table secrets (
    name  text primary key,
    value text not null
);
create table alerts (
    id       text primary key,
    slo      text not null,
    grp      text not null,
    state    text not null,
    fired_at bigint not null,
    doc      jsonb not null
);
create index alerts_slo on alerts (slo, fired_at);
create index alerts_grp on alerts (grp, fired_at);
create unique index alerts_firing on alerts (slo) where state = 'firing';
create table alert_groups (
    id        text primary key,
    opened_at bigint not null,
    closed    bigint not null,
    doc       jsonb not null
);
create index alert_groups_open on alert_groups (opened_at) where closed = 0;
create table ledger (
    slo        text not null,
    resolution bigint not null,
    bucket     bigint not null,
    good       bigint not null,
    total      bigint not null,
    primary key (slo, resolution, bucket)
);
create table pages (
    id        text primary key,
    grp       text not null,
    state     text not null,
    opened_at bigint not null,
    doc       jsonb not null
);
create index pages_grp on pages (grp, opened_at);
create index pages_opened on pages (opened_at);
create unique index pages_live on pages (grp) where state <> 'resolved';
create table notifications (
    id     text primary key,
    page   text not null,
    person text not null,
    at     bigint not null,
    doc    jsonb not null
);
create index notifications_page on notifications (page, at);
create index notifications_person on notifications (person, at);
create table incidents (
    id        text primary key,
    grp       text not null unique,
    status    text not null,
    opened_at bigint not null,
    doc       jsonb not null
);
create index incidents_opened on incidents (opened_at);
create table runs (
    id         text primary key,
    incident   text not null,
    state      text not null,
    started_at bigint not null,
    doc        jsonb not null
);
create index runs_incident on runs (incident, started_at);
create table run_entries (
    run text not null,
    seq bigint not null,
    doc jsonb not null,
    primary key (run, seq)
);
create table approvals (
    run      text not null,
    seq      bigint not null,
    state    text not null,
    asked_at bigint not null,
    doc      jsonb not null,
    primary key (run, seq)
);
create table deploys (
    id      text primary key,
    service text not null,
    at      bigint not null,
    doc     jsonb not null
);
create index deploys_at on deploys (at);
create table accounts (
    name     text primary key,
    password text not null,
    role     text not null,
    created  bigint not null
);
create table sessions (
    hash    text primary key,
    account text not null,
    expires bigint not null
);
create table tokens (
    id      text primary key,
    hash    text not null unique,
    name    text not null,
    account text not null,
    scope   text not null,
    created bigint not null,
    used    bigint not null
);
