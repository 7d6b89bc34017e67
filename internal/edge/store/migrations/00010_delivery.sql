-- +goose Up
alter table notifications add column channel text not null default '';
alter table notifications add column lead text not null default '';
update notifications set channel = doc ->> 'channel', lead = coalesce(doc ->> 'in', '');
create index notifications_contact on notifications (person, channel, at);
create index notifications_lead on notifications (lead) where lead <> '';
create table watchdog (
    name text primary key,
    doc  jsonb not null
);
