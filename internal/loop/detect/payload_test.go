package detect_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/loop/detect"
)

func TestPayloadsAreKeptWithinBoundsAndWithoutSecrets(t *testing.T) {
	w := newWorld(t)
	saw := func(i int, body, refused string) {
		w.s.Saw(detect.Payload{Integration: "cron", Format: "webhook", At: w.now.Add(time.Duration(i) * 100 * time.Millisecond), Body: body, Refused: refused})
	}
	for i := range 100 { // ten a second
		saw(i, fmt.Sprintf(`{"n":%d,"token":"abc"}`, i), "")
		saw(i, "x", "not JSON")
	}
	saw(200, strings.Repeat("x", 40<<10), "")
	ps, err := w.s.Payloads(t.Context(), "cron")
	if err != nil {
		t.Fatal(err)
	}
	var taken, refused []detect.Payload
	for _, p := range ps {
		if p.Refused == "" {
			taken = append(taken, p)
		} else {
			refused = append(refused, p)
		}
	}
	if len(taken) != detect.MostPayloads || len(refused) != detect.MostPayloads {
		t.Fatalf("%d taken and %d refused are kept", len(taken), len(refused))
	}
	if p := taken[0]; p.Body != "" || p.Size != 40<<10 {
		t.Errorf("one that is too large: %d bytes of %d", len(p.Body), p.Size)
	}
	if p := taken[1]; p.Body != `{"n":90,"token":"[masked]"}` {
		t.Errorf("%+v", p)
	}
	if gap := taken[1].At.Sub(taken[2].At); gap < time.Second {
		t.Errorf("two of them came within %s", gap)
	}
	if err := w.s.Trim(t.Context(), w.now.AddDate(0, 0, 31)); err != nil {
		t.Fatal(err)
	}
	if ps, err := w.s.Payloads(t.Context(), "cron"); err != nil || len(ps) != 0 {
		t.Errorf("%d after a month, %v", len(ps), err)
	}
	if ps, err := w.s.Payloads(t.Context(), ""); err != nil || len(ps) != 0 {
		t.Errorf("%d, %v", len(ps), err)
	}
}
