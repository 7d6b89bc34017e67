-- +goose Up
create table handoffs (
    id       text primary key,
    incident text not null,
    begun_at bigint not null,
    doc      jsonb not null
);
create index handoffs_incident on handoffs (incident, begun_at);
create index handoffs_begun on handoffs (begun_at);
