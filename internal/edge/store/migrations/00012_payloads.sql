-- +goose Up
create table payloads (
    id          text primary key,
    integration text not null,
    refused     bigint not null,
    at          bigint not null,
    doc         jsonb not null
);
create index payloads_of on payloads (integration, refused, id);
create index payloads_at on payloads (at);
create index alerts_integration on alerts (integration, id) where integration <> '';
