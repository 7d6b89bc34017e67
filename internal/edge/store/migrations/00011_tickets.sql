-- +goose Up
create table tickets (
    id        text primary key,
    grp       text not null,
    state     text not null,
    opened_at bigint not null,
    done_at   bigint not null,
    doc       jsonb not null
);
create index tickets_by_group on tickets (grp, opened_at);
create index tickets_by_state on tickets (state, opened_at);
create table readiness (
    person  text not null,
    channel text not null,
    address text not null, -- a hash: some addresses are secrets
    doc     jsonb not null,
    primary key (person, channel, address)
);
