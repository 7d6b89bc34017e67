-- +goose Up
create table heartbeats (
    name text primary key,
    doc  jsonb not null
);
create table marks (
    name text primary key,
    at   bigint not null
);
