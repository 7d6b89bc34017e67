-- +goose Up
create table exclusions (
    id      text primary key,
    ends_at bigint not null,
    doc     jsonb not null
);
create index exclusions_ends on exclusions (ends_at);
