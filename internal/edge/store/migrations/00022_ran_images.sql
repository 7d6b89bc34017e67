-- +goose Up
create table ran_images (
    service text not null,
    image   text not null,
    seen_at bigint not null,
    primary key (service, image)
);
