-- +goose Up
drop index jobs_due;
create index jobs_due on jobs (kind, due_at) where stuck = 0;
create index jobs_leased on jobs (lease_until) where stuck = 0 and lease_until > 0;
