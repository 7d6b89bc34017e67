package event

import (
	"testing"
	"time"
)

func TestPayloadComesBack(t *testing.T) {
	type payload struct{ N int }
	e := New("page.acked", time.Unix(1, 0), "mira", "pg_1", "mira acknowledged", payload{7})
	if got, err := Decode[payload](e); err != nil || got.N != 7 || e.Kind != "page.acked" || e.Actor != "mira" || e.Subject != "pg_1" {
		t.Errorf("%+v, %+v, %v", e, got, err)
	}
	if e := New("k", time.Time{}, "", "", "", nil); e.Data != nil {
		t.Errorf("a fact without payload has the data %s", e.Data)
	}
	if _, err := Decode[payload](Event{}); err == nil {
		t.Error("no payload was read as one")
	}
	defer func() {
		if recover() == nil {
			t.Error("a payload that cannot be written is a bug and panics")
		}
	}()
	New("k", time.Time{}, "", "", "", make(chan int))
}
