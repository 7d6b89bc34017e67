-- +goose Up
create table swaps (
    id    text primary key,
    to_at bigint not null,
    doc   jsonb not null
);
create index swaps_to on swaps (to_at);
alter table accounts add column seen bigint not null default 0;
