-- +goose Up
alter table alerts add column source text not null default '';
alter table alerts add column integration text not null default '';
alter table alerts add column group_key text not null default '';
alter table alerts add column service text not null default '';
alter table alerts add column severity text not null default '';
alter table alerts add column ends_at bigint not null default 0;
alter table alerts add column ticket bigint not null default 0;
alter table alerts add column muted bigint not null default 0;
alter table alerts add column inhibits bigint not null default 0;
drop index alerts_slo;
drop index alerts_grp;
create index alerts_slo on alerts (slo, fired_at) where source = '';
create index alerts_grp on alerts (grp, state);
create index alerts_grouping on alerts (group_key, fired_at, id) where group_key <> '' and grp <> '';
create index alerts_ends on alerts (ends_at) where state = 'firing' and ends_at > 0;
create index alerts_inhibits on alerts (id) where state = 'firing' and inhibits = 1;
create index alerts_live on alerts (id) where state = 'firing';
create table silences (
    id        text primary key,
    starts_at bigint not null,
    ends_at   bigint not null,
    doc       jsonb not null
);
create index silences_ends on silences (ends_at);
