-- +goose Up
-- With its own condition as first column the index is the obvious one: without it SQLite walks all firing alerts by id.
drop index alerts_inhibits;
create index alerts_inhibits on alerts (inhibits, id) where state = 'firing' and inhibits = 1;
