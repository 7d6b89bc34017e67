-- +goose Up
create table overrides (
    id       text primary key,
    schedule text not null,
    swap     text not null,
    from_at  bigint not null,
    to_at    bigint not null,
    doc      jsonb not null
);
create index overrides_to on overrides (to_at);
create index overrides_schedule on overrides (schedule, to_at);
create index overrides_swap on overrides (swap) where swap <> '';
create table covers (
    id       text primary key,
    schedule text not null,
    from_at  bigint not null,
    to_at    bigint not null,
    doc      jsonb not null
);
create index covers_to on covers (to_at);
create table watches (
    schedule text primary key,
    doc      jsonb not null
);
create table notices (
    id     text primary key,
    person text not null,
    at     bigint not null,
    doc    jsonb not null
);
create index notices_person on notices (person, at);
create table calendars (
    name text primary key,
    salt text not null
);
