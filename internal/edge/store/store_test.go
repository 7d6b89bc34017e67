package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/edge/store/storetest"
	"nightkeeper/internal/loop/detect"
)

func TestStore(t *testing.T) {
	for _, d := range storetest.Databases() {
		t.Run(d.Name, func(t *testing.T) {
			storetest.Exercise(t, func(t testing.TB) *store.DB { return storetest.Open(t, d.DSN(t)) })
		})
	}
}

func TestEveryMethodIsExercised(t *testing.T) {
	files, err := filepath.Glob("storetest/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal("no suite", err)
	}
	var text strings.Builder
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(b)
	}
	for _, typ := range []reflect.Type{reflect.TypeFor[*store.Tx](), reflect.TypeFor[*store.DB]()} {
		for i := range typ.NumMethod() {
			if name := typ.Method(i).Name; name != "Queued" && name != "Plan" && !strings.Contains(text.String(), "."+name+"(") {
				t.Errorf("storetest does not call %s.%s", typ.Elem().Name(), name)
			}
		}
	}
}

// The newest alerts are asked for every second: what that costs must not grow with every alert there ever was.
func TestNewestAlertsAreFoundByAnIndex(t *testing.T) {
	for _, d := range storetest.Databases() {
		t.Run(d.Name, func(t *testing.T) {
			ctx, db := t.Context(), storetest.Open(t, d.DSN(t))
			at := time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)
			var plan []string
			err := db.Update(ctx, func(tx *store.Tx) (err error) {
				for i := range 3000 {
					a := detect.Alert{ID: detect.AlertID(fmt.Sprintf("al_%04d", i)), SLO: fmt.Sprint("s", i%3), State: detect.Resolved, FiredAt: at.Add(time.Duration(i) * time.Minute)}
					if err := tx.SaveAlert(ctx, a); err != nil {
						return err
					}
				}
				plan, err = tx.Plan(ctx, store.LastAlertsQuery)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			text := strings.Join(plan, "\n")
			if rest := strings.ReplaceAll(text, "SCAN names", ""); !strings.Contains(text, "alerts_slo") || strings.Contains(rest, "SCAN") || strings.Contains(text, "Seq Scan") {
				t.Errorf("all alerts are read:\n%s", text)
			}
		})
	}
}

// Without the right index a batch took 90 ms among 45,000 firing alerts, and 10 ms with it.
func TestInhibitingAlertsAreFoundAmongManyThatFire(t *testing.T) {
	for _, d := range storetest.Databases() {
		t.Run(d.Name, func(t *testing.T) {
			db := storetest.Open(t, d.DSN(t))
			var plan []string
			err := db.Update(t.Context(), func(tx *store.Tx) (err error) {
				for i := range 3000 {
					a := detect.Alert{ID: detect.AlertID(fmt.Sprintf("al_%04d", i)), Source: "alertmanager", Integration: "prom", Key: fmt.Sprint(i), State: detect.Firing, Inhibits: i == 7}
					if err := tx.SaveAlert(t.Context(), a); err != nil {
						return err
					}
				}
				plan, err = tx.Plan(t.Context(), store.InhibitingQuery)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if text := strings.Join(plan, "\n"); !strings.Contains(text, "alerts_inhibits") {
				t.Errorf("all alerts that fire are read:\n%s", text)
			}
		})
	}
}
