package otlp

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestServerThatStopsListeningByItselfIsSaid(t *testing.T) {
	s, err := New(Config{Sink: &recorder{}})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Ended(); len(got) > 0 {
		t.Errorf("at first: %q", got)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	s.serve("http", func() error { return (&http.Server{ReadHeaderTimeout: time.Second}).Serve(l) })
	s.done.Wait()
	if got := s.Ended(); len(got) != 1 || !strings.HasPrefix(got[0], "http does not listen any more: ") {
		t.Errorf("%q", got)
	}
}
