package otlp

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestServerThatStopsListeningByItselfIsSaid(t *testing.T) {
	s := start(t, Config{GRPCAddr: "127.0.0.1:0", HTTPAddr: "127.0.0.1:0", Sink: &recorder{}})
	if got := s.Ended(); len(got) > 0 {
		t.Errorf("at first: %q", got)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	s.serve("http", func() error { return (&http.Server{ReadHeaderTimeout: time.Second}).Serve(l) })
	var got []string
	for end := time.Now().Add(30 * time.Second); len(got) == 0 && time.Now().Before(end); got = s.Ended() {
		time.Sleep(time.Millisecond)
	}
	if len(got) != 1 || !strings.HasPrefix(got[0], "http does not listen any more: ") {
		t.Errorf("%q", got)
	}
}
