-- +goose Up
create table devices (
    endpoint text primary key,
    person   text not null,
    at       bigint not null,
    doc      jsonb not null
);
create index devices_person on devices (person, at);
