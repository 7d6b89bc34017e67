-- +goose Up
alter table jobs add column failed_at bigint not null default 0;
