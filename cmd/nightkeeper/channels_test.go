package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A check of contacts fails when one of them does not work, and says which.
func TestOncallTestFailsWhenAContactDoes(t *testing.T) {
	answer, asked := "", ""
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b := make([]byte, r.ContentLength)
		_, _ = r.Body.Read(b)
		asked = string(b)
		fmt.Fprint(w, answer)
	}))
	defer srv.Close()
	at := " --url " + srv.URL
	answer = `[{"person":"ada","channel":"sms","ok":true,"text":"SM1"}]`
	fails(t, "oncall test ada"+at, 0)
	if asked != `{"person":"ada"}` {
		t.Errorf("asked %s", asked)
	}
	answer = `[{"person":"ada","channel":"sms","ok":true,"text":"SM1"},{"person":"bob","channel":"email","ok":false,"text":"no such mailbox"}]`
	fails(t, "oncall test --everyone"+at, exitFailed, "1 of 2 contacts do not work")
	if asked != `{}` {
		t.Errorf("asked %s", asked)
	}
	answer = `[{"person":"ada","channel":"sms","key":"1","queued":true,"text":"on its way"}]`
	if out := prints(t, "oncall test --everyone"+at); !strings.Contains(out, "1 on the way; nightkeeper oncall readiness") {
		t.Error(out)
	}
	fails(t, "oncall test ada --wait"+at, exitUsage, "--wait is for --everyone")
	looks := 0
	ready := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if looks++; r.Method == http.MethodPost {
			fmt.Fprint(w, answer)
			return
		}
		state := "being tested"
		if looks > 2 {
			state = "failed"
		}
		fmt.Fprintf(w, `[{"person":"ada","channel":"sms","key":"1","state":%q,"text":"no such number"},{"person":"ada","channel":"sms","key":"2","state":"ok","ok":true}]`, state)
	}))
	defer ready.Close()
	fails(t, "oncall test --everyone --wait --url "+ready.URL, exitFailed, "1 of 1 contacts do not work")
	if looks != 3 {
		t.Errorf("looked %d times", looks)
	}
	fails(t, "oncall test"+at, exitUsage, "either a person or --everyone")
	fails(t, "oncall test ada --everyone"+at, exitUsage, "either a person or --everyone")
}

func TestValidateChecksChannels(t *testing.T) {
	file := filepath.Join(t.TempDir(), "channels.yaml")
	write := func(text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
	}
	line := "validate ../../docs/examples/catalog --channels " + file
	write("ntfy: {}", 0o600)
	fails(t, line, 0)
	write("ntfy: {tokn: x}", 0o600)
	fails(t, line, exitFailed, "1 mistake")
	write("ntfy: {}", 0o644)
	fails(t, line, exitFailed, "1 mistake")
}
