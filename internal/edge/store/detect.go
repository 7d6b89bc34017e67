package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/detect/slo"
)

// Detect returns the store as detect sees it.
func (db *DB) Detect() detect.Store { return detectStore{db} }

type detectStore struct{ db *DB }

func (s detectStore) View(ctx context.Context, fn func(detect.Tx) error) error {
	return s.db.View(ctx, func(t *Tx) error { return fn(t) })
}

func (s detectStore) Update(ctx context.Context, fn func(detect.Tx) error) error {
	return s.db.Update(ctx, func(t *Tx) error { return fn(t) })
}

// Alert returns an alert.
func (t *Tx) Alert(ctx context.Context, id detect.AlertID) (detect.Alert, error) {
	return one[detect.Alert](ctx, t, "alert", "select doc from alerts where id = $1", string(id))
}

// notWatchdog leaves out what only tries the way.
const notWatchdog = "source <> '" + detect.Watchdog + "'"

// mostAlerts bounds how many alerts are read together.
const mostAlerts = 5000

// Alerts returns alerts of a group, or of all groups, the oldest first: the newest of them when there are very many.
func (t *Tx) Alerts(ctx context.Context, group detect.GroupID, firing bool) ([]detect.Alert, error) {
	where, args := notWatchdog, []any{}
	if group != "" {
		where, args = "grp = $1", []any{string(group)}
	}
	if firing {
		where += " and state = 'firing'"
	}
	out, err := many[detect.Alert](ctx, t, fmt.Sprintf("select doc from alerts where %s order by id desc limit %d", where, mostAlerts), args...)
	slices.Reverse(out)
	return out, err
}

// lastAlerts steps from one SLO to the next in the index: it is asked every second, and alerts are kept for ever.
const lastAlerts = `with recursive names (slo) as (
		select min(slo) from alerts where source = ''
		union all
		select (select min(slo) from alerts where source = '' and alerts.slo > names.slo) from names where names.slo is not null
	)
	select (select doc from alerts where source = '' and alerts.slo = names.slo order by fired_at desc, id desc limit 1) from names where names.slo is not null`

// LastAlerts returns the newest alert of every SLO.
func (t *Tx) LastAlerts(ctx context.Context) ([]detect.Alert, error) {
	return many[detect.Alert](ctx, t, lastAlerts)
}

// SaveAlert writes an alert.
func (t *Tx) SaveAlert(ctx context.Context, a detect.Alert) error {
	d, err := doc(a)
	if err != nil {
		return err
	}
	ends := int64(0)
	if !a.EndsAt.IsZero() {
		ends = micros(a.EndsAt)
	}
	return t.exec(ctx, `insert into alerts (id, slo, grp, state, fired_at, source, integration, group_key, service, severity, ends_at, ticket, muted, inhibits, doc)
		values ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15)
		on conflict (id) do update set grp = excluded.grp, state = excluded.state, severity = excluded.severity, ends_at = excluded.ends_at,
			ticket = excluded.ticket, muted = excluded.muted, inhibits = excluded.inhibits, doc = excluded.doc`,
		string(a.ID), a.Identity(), string(a.Group), string(a.State), micros(a.FiredAt), a.Source, a.Integration, a.GroupKey, a.Service,
		string(a.Severity), ends, flag(a.Ticket()), flag(len(a.Muted) > 0), flag(a.Inhibits), d)
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// FiringOf returns the firing alerts of the given identities.
func (t *Tx) FiringOf(ctx context.Context, identities []string) ([]detect.Alert, error) {
	var out []detect.Alert
	for part := range slices.Chunk(identities, 500) {
		marks, args := make([]string, len(part)), make([]any, len(part))
		for i, key := range part {
			marks[i], args[i] = fmt.Sprintf("$%d", i+1), key
		}
		as, err := many[detect.Alert](ctx, t, "select doc from alerts where state = 'firing' and slo in ("+strings.Join(marks, ",")+")", args...)
		if err != nil {
			return nil, err
		}
		out = append(out, as...)
	}
	return out, nil
}

// Firing returns firing alerts in order of id.
func (t *Tx) Firing(ctx context.Context, after detect.AlertID, limit int) ([]detect.Alert, error) {
	return many[detect.Alert](ctx, t, "select doc from alerts where state = 'firing' and "+notWatchdog+" and id > $1 order by id limit $2", string(after), limit)
}

// inhibiting is asked for every batch that comes in, and must not walk all alerts that fire.
const inhibiting = "select doc from alerts where state = 'firing' and inhibits = 1 order by id limit 1000"

// Inhibiting returns the firing alerts that may mute others.
func (t *Tx) Inhibiting(ctx context.Context) ([]detect.Alert, error) {
	return many[detect.Alert](ctx, t, inhibiting)
}

// Expired returns firing alerts that nobody repeated in time.
func (t *Tx) Expired(ctx context.Context, now time.Time, limit int) ([]detect.Alert, error) {
	return many[detect.Alert](ctx, t, "select doc from alerts where state = 'firing' and ends_at > 0 and ends_at <= $1 order by ends_at limit $2", micros(now), limit)
}

// CountFiring counts the alerts of a group that fire and are not muted.
func (t *Tx) CountFiring(ctx context.Context, group detect.GroupID) (pages, all int, err error) {
	err = t.tx.QueryRowContext(ctx, "select count(*), coalesce(sum(1 - ticket), 0) from alerts where grp = $1 and state = 'firing' and muted = 0", string(group)).Scan(&all, &pages)
	return pages, all, sqlError(err)
}

// FindAlerts returns alerts that a filter selects, the newest first.
func (t *Tx) FindAlerts(ctx context.Context, f detect.Filter) ([]detect.Alert, error) {
	where, args := []string{notWatchdog}, []any{}
	add := func(column string, v any) {
		args = append(args, v)
		where = append(where, fmt.Sprintf("%s $%d", column, len(args)))
	}
	for column, v := range map[string]string{"state =": string(f.State), "service =": f.Service, "severity =": string(f.Severity), "integration =": f.Integration, "id <": string(f.Before)} {
		if v != "" {
			add(column, v)
		}
	}
	if f.Muted != nil {
		add("muted =", flag(*f.Muted))
	}
	for _, w := range f.Words {
		args = append(args, strings.ToLower(w))
		where = append(where, fmt.Sprintf("(source = '' or "+t.db.dialect.mentions+")", len(args)))
	}
	limit := f.Limit
	if limit <= 0 {
		limit = 100
	}
	return many[detect.Alert](ctx, t, fmt.Sprintf("select doc from alerts where %s order by id desc limit %d", strings.Join(where, " and "), limit), args...)
}

// GroupOfKey returns the newest open group with an alert of the group key. It asks in two steps: joined, SQLite walks all
// alerts of all open groups.
func (t *Tx) GroupOfKey(ctx context.Context, key string) (detect.Group, error) {
	var group string
	err := t.tx.QueryRowContext(ctx, "select grp from alerts where group_key = $1 and group_key <> '' and grp <> '' order by fired_at desc, id desc limit 1", key).Scan(&group)
	if errors.Is(err, sql.ErrNoRows) {
		return detect.Group{}, errs.New(errs.NotFound, "no alert has the group key")
	}
	if err != nil {
		return detect.Group{}, sqlError(err)
	}
	return t.Group(ctx, detect.GroupID(group))
}

// Silence returns a silence.
func (t *Tx) Silence(ctx context.Context, id detect.SilenceID) (detect.Silence, error) {
	return one[detect.Silence](ctx, t, "silence", "select doc from silences where id = $1", string(id))
}

// Silences returns the silences that end after a time, the newest first.
func (t *Tx) Silences(ctx context.Context, after time.Time) ([]detect.Silence, error) {
	return many[detect.Silence](ctx, t, "select doc from silences where ends_at > $1 order by starts_at desc, id limit 5000", micros(after))
}

// Exclusion returns an exclusion.
func (t *Tx) Exclusion(ctx context.Context, id detect.ExclusionID) (detect.Exclusion, error) {
	return one[detect.Exclusion](ctx, t, "exclusion", "select doc from exclusions where id = $1", string(id))
}

// Exclusions returns those that end after a time, the newest first.
func (t *Tx) Exclusions(ctx context.Context, after time.Time) ([]detect.Exclusion, error) {
	return many[detect.Exclusion](ctx, t, "select doc from exclusions where ends_at > $1 order by id desc limit 5000", micros(after))
}

// SaveExclusion writes an exclusion.
func (t *Tx) SaveExclusion(ctx context.Context, x detect.Exclusion) error {
	d, err := doc(x)
	if err != nil {
		return err
	}
	return t.exec(ctx, "insert into exclusions (id, ends_at, doc) values ($1, $2, $3) on conflict (id) do update set doc = excluded.doc", string(x.ID), micros(x.To), d)
}

// SaveSilence writes a silence.
func (t *Tx) SaveSilence(ctx context.Context, s detect.Silence) error {
	d, err := doc(s)
	if err != nil {
		return err
	}
	return t.exec(ctx, `insert into silences (id, starts_at, ends_at, doc) values ($1,$2,$3,$4)
		on conflict (id) do update set starts_at = excluded.starts_at, ends_at = excluded.ends_at, doc = excluded.doc`,
		string(s.ID), micros(s.StartsAt), micros(s.EndsAt), d)
}

// Group returns a group that is not closed.
func (t *Tx) Group(ctx context.Context, id detect.GroupID) (detect.Group, error) {
	return one[detect.Group](ctx, t, "alert group", "select doc from alert_groups where id = $1 and closed = 0", string(id))
}

// OpenGroupsOf returns the groups with one of the services that are not closed, the newest first.
func (t *Tx) OpenGroupsOf(ctx context.Context, services []string) ([]detect.Group, error) {
	var out []detect.Group
	for part := range slices.Chunk(services, 500) {
		list, args := kindList(part, nil)
		gs, err := many[detect.Group](ctx, t, "select doc from alert_groups where closed = 0 and id in (select grp from group_services where service in ("+list+"))", args...)
		if err != nil {
			return nil, err
		}
		out = append(out, gs...)
	}
	slices.SortFunc(out, func(a, b detect.Group) int { return cmp.Or(b.OpenedAt.Compare(a.OpenedAt), cmp.Compare(b.ID, a.ID)) })
	return slices.CompactFunc(out, func(a, b detect.Group) bool { return a.ID == b.ID }), nil
}

// OverdueGroups returns the open groups that have been quiet since before one time, or have alerts that no fact has spoken
// of since before another.
func (t *Tx) OverdueGroups(ctx context.Context, quiet, untold time.Time) ([]detect.Group, error) {
	return many[detect.Group](ctx, t, `select doc from alert_groups where closed = 0
		and ((quiet_at > 0 and quiet_at < $1) or (untold_at > 0 and untold_at <= $2)) order by opened_at, id`, micros(quiet), micros(untold))
}

// SaveGroup writes a group.
func (t *Tx) SaveGroup(ctx context.Context, g detect.Group, closed bool) error {
	d, err := doc(g)
	if err != nil {
		return err
	}
	quiet, untold := int64(0), int64(0)
	if !g.QuietAt.IsZero() {
		quiet = micros(g.QuietAt)
	}
	if g.Untold > 0 {
		untold = max(1, micros(g.ToldAt))
	}
	err = t.exec(ctx, `insert into alert_groups (id, opened_at, closed, quiet_at, untold_at, doc) values ($1,$2,$3,$4,$5,$6)
		on conflict (id) do update set closed = excluded.closed, quiet_at = excluded.quiet_at, untold_at = excluded.untold_at, doc = excluded.doc`,
		string(g.ID), micros(g.OpenedAt), flag(closed), quiet, untold, d)
	if err != nil {
		return err
	}
	if closed {
		return t.exec(ctx, "delete from group_services where grp = $1", string(g.ID))
	}
	for _, s := range g.Services {
		if err := t.exec(ctx, "insert into group_services (service, grp) values ($1,$2) on conflict do nothing", s, string(g.ID)); err != nil {
			return err
		}
	}
	return nil
}

// SaveBuckets writes whole counts of ledger buckets.
func (t *Tx) SaveBuckets(ctx context.Context, objective string, bs []slo.Bucket) error {
	for _, b := range bs {
		err := t.exec(ctx, `insert into ledger (slo, resolution, bucket, good, total) values ($1,$2,$3,$4,$5)
			on conflict (slo, resolution, bucket) do update set good = excluded.good, total = excluded.total`,
			objective, b.Resolution, b.Number, b.Good, b.Total)
		if err != nil {
			return fmt.Errorf("ledger of %s: %w", objective, err)
		}
	}
	return nil
}

// Buckets calls fn with every stored bucket.
func (t *Tx) Buckets(ctx context.Context, fn func(objective string, b slo.Bucket)) error {
	rows, err := t.tx.QueryContext(ctx, "select slo, resolution, bucket, good, total from ledger order by resolution, bucket")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var b slo.Bucket
		if err := rows.Scan(&name, &b.Resolution, &b.Number, &b.Good, &b.Total); err != nil {
			return err
		}
		fn(name, b)
	}
	return rows.Err()
}

// SaveStream keeps what is remembered of a metric of a resource.
func (t *Tx) SaveStream(ctx context.Context, s slo.Stream) error {
	d, err := doc(s)
	if err != nil {
		return err
	}
	return t.exec(ctx, "insert into metric_streams (key, doc) values ($1, $2) on conflict (key) do update set doc = excluded.doc", streamKey(s.Key), d)
}

// streamKey writes a key as text: neither store has a number of 64 bits without a sign.
func streamKey(key uint64) string { return strconv.FormatUint(key, 16) }

// Streams calls fn with every stream that is kept.
func (t *Tx) Streams(ctx context.Context, fn func(s slo.Stream)) error {
	all, err := many[slo.Stream](ctx, t, "select doc from metric_streams order by key")
	for _, s := range all {
		fn(s)
	}
	return err
}

// DropStream removes a stream.
func (t *Tx) DropStream(ctx context.Context, key uint64) error {
	return t.exec(ctx, "delete from metric_streams where key = $1", streamKey(key))
}

// DropBuckets removes buckets of a resolution older than the given number.
func (t *Tx) DropBuckets(ctx context.Context, resolution int, before int64) error {
	return t.exec(ctx, "delete from ledger where resolution = $1 and bucket < $2", resolution, before)
}
