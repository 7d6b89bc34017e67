package storetest

import (
	"context"
	"fmt"

	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/loop/detect"
)

var payloadTests = []exercise{
	{"the last payloads of each integration are kept, taken and refused apart", func(w world) {
		save := func(p detect.Payload) detect.Payload {
			w.Helper()
			w.update(func(ctx context.Context, tx *store.Tx) error { return tx.SavePayload(ctx, p) })
			return p
		}
		list := func(integration string) (out []detect.Payload) {
			w.Helper()
			w.view(func(ctx context.Context, tx *store.Tx) (err error) {
				out, err = tx.Payloads(ctx, integration)
				return err
			})
			return out
		}
		var taken []detect.Payload
		for i := range detect.MostPayloads + 3 {
			p := save(detect.Payload{ID: fmt.Sprintf("pay-%02d", i), Integration: "cron", Format: "webhook", At: at(i), Size: 7, Body: "{\"a\":\"\x00\"}", Alerts: 1})
			p.Body = "{\"a\":\"\ufffd\"}" // PostgreSQL has no byte 0
			taken = append([]detect.Payload{p}, taken...)
		}
		bad := save(detect.Payload{ID: "pay-00b", Integration: "cron", Format: "webhook", At: at(0), Body: "x", Refused: "not JSON"})
		other := save(detect.Payload{ID: "pay-50", Integration: "other", Format: "datadog", At: at(50)})
		taken = taken[:detect.MostPayloads]
		same(w, "of cron", list("cron"), append(taken, bad))
		same(w, "of all", list(""), append([]detect.Payload{other}, append(taken, bad)...))
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.DropPayloads(ctx, at(12)) })
		same(w, "not too old", list(""), []detect.Payload{other, taken[0]})
		same(w, "of nobody", list("nobody"), nil)
	}},
	{"the newest alert of every integration is found", func(w world) {
		newest := func() (out []string) {
			w.Helper()
			w.view(func(ctx context.Context, tx *store.Tx) error {
				as, err := tx.NewestAlerts(ctx)
				for _, a := range as {
					out = append(out, string(a.ID))
				}
				return err
			})
			return out
		}
		same(w, "none", newest(), nil)
		w.update(func(ctx context.Context, tx *store.Tx) error {
			for _, a := range []detect.Alert{{ID: "al-1", Integration: "b", Source: "webhook"}, {ID: "al-2", Integration: "a", Source: "webhook"}, {ID: "al-3", Integration: "b", Source: "webhook"}, {ID: "al-4", SLO: "o"}} {
				if err := tx.SaveAlert(ctx, a); err != nil {
					return err
				}
			}
			return nil
		})
		same(w, "of each", newest(), []string{"al-2", "al-3"})
	}},
}
