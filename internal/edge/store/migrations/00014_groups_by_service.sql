-- +goose Up
create table group_services (
    service text not null,
    grp     text not null,
    primary key (service, grp)
);
create index group_services_grp on group_services (grp);
insert into group_services (service, grp)
    select distinct alerts.service, alerts.grp from alerts join alert_groups on alert_groups.id = alerts.grp
    where alert_groups.closed = 0 and alerts.service <> '';
alter table alert_groups add column quiet_at bigint not null default 0;
alter table alert_groups add column untold_at bigint not null default 0;
update alert_groups set quiet_at = 1, untold_at = 1 where closed = 0;
