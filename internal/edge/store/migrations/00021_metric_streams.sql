-- +goose Up
create table metric_streams (
    key text primary key,
    doc jsonb not null
);
