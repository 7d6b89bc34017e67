package store

import (
	"context"
	"fmt"
	"time"

	"nightkeeper/internal/loop/detect"
)

// SavePayload keeps a payload and drops those of its kind that are too many.
func (t *Tx) SavePayload(ctx context.Context, p detect.Payload) error {
	d, err := doc(p)
	if err != nil {
		return err
	}
	refused := flag(p.Refused != "")
	if err := t.exec(ctx, "insert into payloads (id, integration, refused, at, doc) values ($1,$2,$3,$4,$5) on conflict (id) do update set doc = excluded.doc",
		p.ID, p.Integration, refused, micros(p.At), d); err != nil {
		return err
	}
	return t.exec(ctx, fmt.Sprintf(`delete from payloads where integration = $1 and refused = $2 and id not in
		(select id from payloads where integration = $1 and refused = $2 order by id desc limit %d)`, detect.MostPayloads), p.Integration, refused)
}

// Payloads returns the payloads of an integration, or of all.
func (t *Tx) Payloads(ctx context.Context, integration string) ([]detect.Payload, error) {
	if integration == "" {
		return many[detect.Payload](ctx, t, "select doc from payloads order by id desc limit 5000")
	}
	return many[detect.Payload](ctx, t, "select doc from payloads where integration = $1 order by id desc", integration)
}

// DropPayloads removes payloads that came before a time.
func (t *Tx) DropPayloads(ctx context.Context, before time.Time) error {
	return t.exec(ctx, "delete from payloads where at < $1", micros(before))
}

// newestAlerts steps from one integration to the next in the index: alerts are kept for ever.
const newestAlerts = `with recursive names (name) as (
		select min(integration) from alerts where integration <> ''
		union all
		select (select min(integration) from alerts where integration <> '' and alerts.integration > names.name) from names where names.name is not null
	)
	select (select doc from alerts where integration <> '' and alerts.integration = names.name order by id desc limit 1) from names where names.name is not null`

// NewestAlerts returns the newest alert of every integration.
func (t *Tx) NewestAlerts(ctx context.Context) ([]detect.Alert, error) {
	return many[detect.Alert](ctx, t, newestAlerts)
}
