create schema app;

create table app.customers (
  id bigint generated always as identity primary key,
  email text not null unique,
  created_at timestamptz not null
);

insert into app.customers (email, created_at)
select 'c' || n || '@example.test', now() - n * interval '1 minute' from generate_series(1, 10000) n;

create table app.orders as
select n::bigint as id, 1 + (n * 7919::bigint) % 10000 as customer_id,
  case when n % 50 = 0 then 'open' else 'done' end as status,
  ((n % 10000) / 100.0)::numeric(12, 2) as total, now() - n * interval '10 seconds' as created_at
from generate_series(1, 300000) n;

alter table app.orders alter id set not null, alter customer_id set not null, add primary key (id),
  alter id add generated always as identity (start 300001);

create index orders_by_customer on app.orders (customer_id, created_at);

create index orders_open on app.orders (created_at) where status = 'open';

alter table app.orders add foreign key (customer_id) references app.customers (id);

create table app.events (
  id bigint generated always as identity,
  at timestamptz not null,
  kind text not null,
  primary key (id, at)
) partition by range (at);

create table app.events_default partition of app.events default;

do $$
declare
  month date;
begin
  for ahead in -1 .. 12 loop
    month := (date_trunc('month', now()) + ahead * interval '1 month')::date;
    execute format('create table app.%I partition of app.events for values from (%L) to (%L)',
      'events_' || to_char(month, 'YYYY_MM'), month, (month + interval '1 month')::date);
  end loop;
end
$$;

insert into app.events (at, kind)
select date_trunc('month', now()) + n * interval '1 second', 'visit' from generate_series(1, 10000) n;

create table app.items (
  id bigint generated always as identity primary key,
  name text not null,
  state text not null
);

insert into app.items (name, state) select 'item ' || n, 'active' from generate_series(1, 1200) n;

create extension pg_stat_statements;

create extension pgstattuple;

