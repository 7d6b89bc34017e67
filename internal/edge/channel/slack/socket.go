package slack

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/websocket"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/page"
)

const (
	silence  = 90 * time.Second        // of the socket, pings included, after which it is dead
	patience = 2500 * time.Millisecond // within which a press has to be confirmed; Slack gives three seconds
	maxFrame = 1 << 20
	maxPause = time.Minute // between attempts to connect
)

// Listen keeps a socket open until ctx ends and gives the presses of buttons to take. A socket that ends is replaced at
// once, one that cannot be made after a pause that grows. When none could be made for a while it returns the error.
func (c *Channel) Listen(ctx context.Context, take page.Take) error {
	if !c.cfg.AppToken.Set() {
		<-ctx.Done()
		return nil
	}
	wait := time.Second
	for ctx.Err() == nil {
		heard, err := c.session(ctx, take)
		if heard {
			wait = time.Second
		}
		if err != nil && ctx.Err() == nil {
			pause(ctx, max(wait, errs.WaitOf(err)))
			if wait == maxPause {
				return err
			}
			wait = min(2*wait, maxPause)
		}
	}
	return nil
}

// session opens one socket and reads it until it ends; heard says whether Slack greeted us.
func (c *Channel) session(ctx context.Context, take page.Take) (heard bool, err error) {
	short, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	var opened struct {
		URL string `json:"url"`
	}
	if err := c.call(short, "apps.connections.open", c.cfg.AppToken, nil, &opened); err != nil {
		return false, err
	}
	ws, err := c.connect(short, opened.URL)
	if err != nil {
		return false, err
	}
	defer ws.Close()
	defer context.AfterFunc(ctx, func() { ws.Close() })()
	for {
		var frame []byte
		if err := websocket.Message.Receive(ws, &frame); err != nil {
			return heard, errs.Wrap(err, errs.Unavailable, "the socket of Slack ended")
		}
		e := parse(frame)
		switch e.Type {
		case "hello":
			heard = true
		case "disconnect":
			return heard, nil // Slack wants us to make another
		}
		if e.ID == "" {
			continue
		}
		if err := c.answer(ctx, ws, e, take); err != nil {
			return heard, err
		}
	}
}

// answer takes a press, confirms it to Slack when it is written, and says to the person what came of it. A press that
// could not be written is not confirmed: Slack tells the person that it did not work.
func (c *Channel) answer(ctx context.Context, ws *websocket.Conn, e envelope, take page.Take) error {
	say := ""
	if e.Press != nil {
		short, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		var err error
		say, err = take(short, page.Answer{Notification: page.NotificationID(e.Press.Value), Kind: e.Press.Kind, From: e.Press.User})
		if errs.Is(err, errs.Unavailable) || errs.Is(err, errs.Internal) {
			c.whisper(ctx, e.Press, "This could not be written down; please press again.")
			return nil
		}
		if err != nil {
			say = errs.Message(err)
		}
	}
	if err := websocket.JSON.Send(ws, map[string]string{"envelope_id": e.ID}); err != nil {
		return errs.Wrap(err, errs.Unavailable, "the socket of Slack ended")
	}
	if say != "" {
		c.whisper(ctx, e.Press, say)
	}
	return nil
}

// whisper says something to one person in a room. When it does not work the person still sees the message change.
func (c *Channel) whisper(ctx context.Context, p *press, text string) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_ = c.call(ctx, "chat.postEphemeral", c.cfg.BotToken, map[string]any{"channel": p.Room, "user": p.User, "text": escape(text)}, nil)
}

// connect makes the socket that Slack named.
func (c *Channel) connect(ctx context.Context, raw string) (*websocket.Conn, error) {
	u, err := url.Parse(raw)
	plain := strings.HasPrefix(c.cfg.API, "http://") // a server of a test, or a proxy on this machine
	if err != nil || u.Host == "" || (u.Scheme != "wss" && (u.Scheme != "ws" || !plain)) {
		return nil, errs.New(errs.Unavailable, "Slack named a socket that is none")
	}
	host := u.Host
	if u.Port() == "" {
		host = net.JoinHostPort(u.Hostname(), "443")
	}
	conn, err := c.dial(ctx, "tcp", host)
	if err != nil {
		return nil, errs.Wrap(err, errs.Unavailable, "the socket of Slack cannot be reached")
	}
	end, _ := ctx.Deadline()
	_ = conn.SetDeadline(end) // of the handshakes; the reads set their own
	if u.Scheme == "wss" {
		conn = tls.Client(conn, &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12})
	}
	cfg, err := websocket.NewConfig(raw, "https://slack.com")
	if err != nil {
		conn.Close()
		return nil, errs.New(errs.Unavailable, "Slack named a socket that is none")
	}
	ws, err := websocket.NewClient(cfg, &alive{conn})
	if err != nil {
		conn.Close()
		return nil, errs.Wrap(err, errs.Unavailable, "the socket of Slack was not opened")
	}
	ws.MaxPayloadBytes = maxFrame
	return ws, nil
}

// alive is a connection on which something has to come now and then, if only a ping.
type alive struct{ net.Conn }

func (a *alive) Read(b []byte) (int, error) {
	if err := a.SetDeadline(time.Now().Add(silence)); err != nil {
		return 0, err
	}
	return a.Conn.Read(b)
}

// envelope is what comes over the socket. ID is empty when it needs no confirmation.
type envelope struct {
	Type  string
	ID    string
	Press *press
}

// press is a button that somebody pressed.
type press struct {
	Kind              page.AnswerKind
	Value, User, Room string
}

// parse reads a frame; what it does not know has no press.
func parse(frame []byte) envelope {
	var in struct {
		Type     string `json:"type"`
		Envelope string `json:"envelope_id"`
		Payload  struct {
			Type string `json:"type"`
			User struct {
				ID string `json:"id"`
			} `json:"user"`
			Channel struct {
				ID string `json:"id"`
			} `json:"channel"`
			Container struct {
				Channel string `json:"channel_id"`
			} `json:"container"`
			Actions []struct {
				ID    string `json:"action_id"`
				Value string `json:"value"`
			} `json:"actions"`
		} `json:"payload"`
	}
	if err := json.Unmarshal(frame, &in); err != nil && in.Envelope == "" {
		return envelope{}
	}
	out := envelope{Type: in.Type, ID: in.Envelope}
	p := in.Payload
	if in.Type != "interactive" || p.Type != "block_actions" || len(p.Actions) == 0 || !place.MatchString(p.User.ID) {
		return out
	}
	room := p.Channel.ID
	if room == "" {
		room = p.Container.Channel
	}
	kind := page.AnswerAck
	switch p.Actions[0].ID {
	case ackButton:
	case resolveButton:
		kind = page.AnswerResolve
	default: // a link
		return out
	}
	if p.Actions[0].Value != "" && place.MatchString(room) {
		out.Press = &press{kind, p.Actions[0].Value, p.User.ID, room}
	}
	return out
}
