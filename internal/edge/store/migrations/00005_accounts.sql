-- +goose Up
alter table accounts add column disabled bigint not null default 0;
create table account_links (
    hash    text primary key,
    account text not null,
    expires bigint not null
);
