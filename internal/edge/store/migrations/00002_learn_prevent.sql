-- +goose Up
create table postmortems (
    id          text primary key,
    incident    text not null unique,
    state       text not null,
    resolved_at bigint not null,
    doc         jsonb not null
);
create index postmortems_resolved on postmortems (resolved_at);
create table action_items (
    id         text primary key,
    postmortem text not null,
    state      text not null,
    due_at     bigint not null,
    doc        jsonb not null
);
create index action_items_postmortem on action_items (postmortem, due_at);
create index action_items_due on action_items (due_at);
create table proofs (
    run        text primary key,
    experiment text not null,
    at         bigint not null,
    doc        jsonb not null
);
create index proofs_experiment on proofs (experiment, at);
create table experiments (
    name        text primary key,
    incident    text not null,
    proposed_at bigint not null,
    doc         jsonb not null
);
create table experiment_runs (
    id         text primary key,
    experiment text not null,
    active     bigint not null,
    planned_at bigint not null,
    doc        jsonb not null
);
create index experiment_runs_experiment on experiment_runs (experiment, planned_at);
create index experiment_runs_planned on experiment_runs (planned_at);
create unique index experiment_runs_active on experiment_runs (active) where active = 1;
create table freezes (
    id        text primary key,
    service   text not null,
    thawed_at bigint not null,
    since     bigint not null,
    doc       jsonb not null
);
create index freezes_since on freezes (since);
create unique index freezes_active on freezes (service) where thawed_at = 0;
