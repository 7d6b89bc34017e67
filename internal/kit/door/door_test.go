package door

import (
	"bytes"
	"compress/gzip"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"nightkeeper/internal/kit/errs"
)

// who knows a token for each name, and one that may not send.
func who(_ context.Context, secret string) (Caller, error) {
	if secret == "down" {
		return Caller{}, errs.New(errs.Unavailable, "the database does not answer")
	}
	name, ok := strings.CutPrefix(secret, "nk_")
	if !ok {
		return Caller{}, errs.New(errs.Denied, "the token is not valid")
	}
	return Caller{name, func(scope string) bool { return scope == "intake" && name != "reader" }}, nil
}

func enter(t *testing.T, d *Door, secret string) (*Visit, error) {
	t.Helper()
	return d.Enter(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "POST", "/", nil), secret)
}

func TestWhoMayComeIn(t *testing.T) {
	d := New(Config{Who: who})
	for secret, want := range map[string]int{"": 401, "guess": 401, "nk_reader": 403, "down": 503} {
		if _, err := enter(t, d, secret); StatusOf(err) != want {
			t.Errorf("%q: %d (%v), want %d", secret, StatusOf(err), err, want)
		}
	}
	v, err := enter(t, d, "nk_prom")
	if err != nil || v.Integration != "prom" {
		t.Fatalf("%+v, %v", v, err)
	}
	v.Leave()
}

func TestSecretIsWhereClientsPutIt(t *testing.T) {
	for header, want := range map[string]string{"Bearer abc": "abc", "bearer abc": "abc", "GenieKey abc": "abc", "Basic dXNlcjphYmM=": "abc", "Digest abc": "", "": ""} {
		r := httptest.NewRequest("POST", "/", nil)
		r.Header.Set("Authorization", header)
		if got := Secret(r); got != want {
			t.Errorf("%q: %q, want %q", header, got, want)
		}
	}
}

func TestOneNoisySenderKeepsNoOtherWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(Config{Who: who, Slots: 4, Share: 2, Patience: time.Second})
		var in []*Visit
		for range 2 {
			v, err := enter(t, d, "nk_noisy")
			if err != nil {
				t.Fatal(err)
			}
			in = append(in, v)
		}
		began := time.Now()
		_, err := enter(t, d, "nk_noisy")
		if StatusOf(err) != http.StatusServiceUnavailable || errs.WaitOf(err) == 0 || time.Since(began) != time.Second {
			t.Fatalf("the third at once: %v after %s", err, time.Since(began))
		}
		began = time.Now()
		quiet, err := enter(t, d, "nk_quiet")
		if err != nil || time.Since(began) != 0 {
			t.Fatalf("another sender waited %s: %v", time.Since(began), err)
		}
		quiet.Leave()
		in[0].Leave()
		v, err := enter(t, d, "nk_noisy")
		if err != nil {
			t.Fatalf("a slot that was given back is not there: %v", err)
		}
		v.Leave()
		in[1].Leave()
		if len(d.slots) != 0 || len(d.account("noisy").share) != 0 {
			t.Error("slots are lost")
		}
	})
}

func TestAlertsASecondAreCountedForEachSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(Config{Who: who, Rate: 10, Burst: 100, MaxBatch: 80})
		noisy, err := enter(t, d, "nk_noisy")
		if err != nil {
			t.Fatal(err)
		}
		defer noisy.Leave()
		f := func(v *Visit, alerts, want int, wait time.Duration) {
			t.Helper()
			err := v.Take(alerts)
			got := 200
			if err != nil {
				got = StatusOf(err)
			}
			if got != want || errs.WaitOf(err) != wait {
				t.Errorf("%d alerts: %d (%v), want %d and a wait of %s", alerts, got, err, want, wait)
			}
		}
		f(noisy, 81, 413, 0)
		f(noisy, 80, 200, 0)
		f(noisy, 80, 503, 6*time.Second)
		quiet, err := enter(t, d, "nk_quiet")
		if err != nil {
			t.Fatal(err)
		}
		defer quiet.Leave()
		f(quiet, 80, 200, 0)
		time.Sleep(6 * time.Second) // of the bubble
		f(noisy, 80, 200, 0)
		f(noisy, 1, 503, time.Second)
	})
}

func TestBodiesAreBounded(t *testing.T) {
	d := New(Config{Who: who, MaxBody: 100})
	squeeze := func(s string) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write([]byte(s)) // into memory
		_ = z.Close()
		return b.Bytes()
	}
	for name, c := range map[string]struct {
		body []byte
		enc  string
		want int
	}{
		"plain":            {[]byte("[]"), "", 0},
		"full":             {[]byte(strings.Repeat("x", 100)), "", 0},
		"over":             {[]byte(strings.Repeat("x", 101)), "", 413},
		"squeezed":         {squeeze("[]"), "gzip", 0},
		"a bomb":           {squeeze(strings.Repeat("x", 1<<20)), "gzip", 413},
		"not squeezed":     {[]byte("[]"), "gzip", 400},
		"another encoding": {[]byte("[]"), "br", 415},
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/", bytes.NewReader(c.body))
		r.Header.Set("Content-Encoding", c.enc)
		v, err := d.Enter(w, r, "nk_a")
		if err != nil {
			t.Fatal(err)
		}
		_, err = v.Body()
		v.Leave()
		if got := StatusOf(err); (err != nil || c.want != 0) && got != c.want {
			t.Errorf("%s: %v is %d, want %d", name, err, got, c.want)
		}
	}
}
