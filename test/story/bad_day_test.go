package story

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"nightkeeper/internal/app/apptest"
	"nightkeeper/internal/loop/page"
)

const badDay = `apiVersion: nightkeeper/v1
kind: Person
metadata: {name: mira}
spec:
  contacts: [%s, {channel: webhook, address: %q}]
---
apiVersion: nightkeeper/v1
kind: Person
metadata: {name: tomas}
spec:
  contacts: [{channel: webhook, address: %q}]
---
apiVersion: nightkeeper/v1
kind: EscalationPolicy
metadata: {name: default}
spec:
  loops: 1
  steps:
    - targets: [{person: mira}]
    - {after: 2s, targets: [{person: tomas}]}
`

// mailServer speaks SMTP up to a word, to which it gives an answer; an empty answer is silence.
func mailServer(t *testing.T, word, answer string) net.Addr {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	talk := func(c net.Conn) {
		defer c.Close()
		say := func(s string) { fmt.Fprintf(c, "%s\r\n", s) }
		say("220 test")
		body := false
		for in := bufio.NewScanner(c); in.Scan(); {
			verb, _, _ := strings.Cut(strings.ToUpper(in.Text()), " ")
			if body && verb != "." {
				continue
			}
			switch {
			case verb == word && answer == "":
				_, _ = c.Read(make([]byte, 1)) // until the other side gives up
				return
			case verb == word:
				say(answer)
				body = false
			case verb == "DATA":
				say("354 go on")
				body = true
			case verb == "QUIT":
				say("221 bye")
				return
			default:
				say("250 yes")
				body = false
			}
		}
	}
	running.Go(func() {
		for {
			c, err := lis.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
			running.Go(func() { talk(c) })
		}
	})
	t.Cleanup(func() {
		lis.Close()
		mu.Lock()
		for _, c := range conns {
			c.Close()
		}
		mu.Unlock()
		running.Wait()
	})
	return lis.Addr()
}

// One channel has a bad day. The same person is told by another, the next person is told in time, the message is tried again,
// and the page says why it did not go out.
func TestChannelWithABadDayDelaysNobodyAndIsSeen(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	held := make(chan struct{})
	bad := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/hangs") {
			select {
			case <-held:
			case <-r.Context().Done():
			}
			return
		}
		w.Header().Set("Retry-After", "120")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	t.Cleanup(bad.Close)
	t.Cleanup(func() { close(held) })
	mail := func(addr net.Addr) []string {
		host, port, _ := net.SplitHostPort(addr.String())
		return []string{"--smtp-host", host, "--smtp-port", port, "--smtp-from", "nightkeeper@example.org", "--smtp-tls", "none"}
	}
	const byMail = "{channel: email, address: mira@example.org}"
	for _, c := range []struct {
		what, contact string
		flags         []string
		channels      string // of the channels file
		why           string // on the page
	}{
		{what: "the mail server is away", contact: byMail, flags: mail(closed.Addr())},
		{what: "the mail server hangs after the mail", contact: byMail, flags: mail(mailServer(t, ".", ""))},
		{what: "the mail server is busy", contact: byMail, flags: mail(mailServer(t, "RCPT", "451 try again later")), why: "did not take the message"},
		{what: "the mail server refuses", contact: byMail, flags: mail(mailServer(t, "RCPT", "550 no such mailbox")), why: "550"},
		{what: "Slack wants less", contact: "{channel: slack, address: U0MIRA}", channels: "slack: {botToken: xoxb-1, api: " + bad.URL + "}\n", why: "429"},
		{what: "a webhook hangs", contact: fmt.Sprintf("{channel: webhook, address: %q}", bad.URL+"/hangs")},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			told := map[string]int{}
			good := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				told[r.URL.Path]++
			}))
			t.Cleanup(good.Close)
			p := newProcess(t, apptest.Files{"people.yaml": fmt.Sprintf(badDay, c.contact, good.URL+"/mira", good.URL+"/tomas")})
			p.flags = c.flags
			if c.channels != "" {
				file := filepath.Join(t.TempDir(), "channels.yaml")
				if err := os.WriteFile(file, []byte(c.channels), 0o600); err != nil {
					t.Fatal(err)
				}
				p.flags = append(p.flags, "--channels", file)
			}
			p.start()
			p.api.Post("/alertmanager/api/v2/alerts", []map[string]any{{"labels": map[string]string{"alertname": "DiskFull", "severity": "critical"}}})
			p.eventually("both are told", func() bool {
				mu.Lock()
				defer mu.Unlock()
				return told["/mira"] > 0 && told["/tomas"] > 0
			})
			opened := p.api.Await(page.KindOpened, 0)
			p.eventually("the page says why the message did not go out", func() bool {
				v := apptest.Get[struct{ Notifications []page.Notification }](p.api, "/api/v1/pages/"+opened.Subject)
				for _, n := range v.Notifications {
					waits := n.Delivery == page.Queued && strings.HasPrefix(n.Error, "tried ")
					if n.Person == "mira" && (waits || n.Delivery == page.Failed) && strings.Contains(n.Error, c.why) {
						return true
					}
				}
				return false
			})
		})
	}
}
