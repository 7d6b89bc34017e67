package telegram

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/page"
)

const (
	ackPrefix     = "ack:"
	resolvePrefix = "resolve:"

	poll     = 50 * time.Second // that Telegram holds a question for news
	maxPause = time.Minute      // between questions that fail
)

// Listen asks for presses of buttons until ctx ends. When Telegram has been away for a while it returns the error.
func (c *Channel) Listen(ctx context.Context, take page.Take) error {
	var next int64
	wait := time.Second
	for ctx.Err() == nil {
		err := c.fetch(ctx, &next, take)
		if err == nil {
			wait = time.Second
			continue
		}
		if ctx.Err() != nil {
			break
		}
		pause(ctx, max(wait, errs.WaitOf(err)))
		if wait == maxPause {
			return err
		}
		wait = min(2*wait, maxPause)
	}
	return nil
}

// fetch asks once and takes what came. next moves behind what is written; the rest comes again.
func (c *Channel) fetch(ctx context.Context, next *int64, take page.Take) error {
	short, cancel := context.WithTimeout(ctx, poll+20*time.Second)
	defer cancel()
	var raw []json.RawMessage
	err := c.call(short, "getUpdates", map[string]any{"offset": *next, "timeout": int(poll.Seconds()), "allowed_updates": []string{"callback_query", "message"}}, &raw)
	if err != nil {
		return err
	}
	for _, b := range raw {
		u := parse(b)
		switch {
		case u.press != "":
			say, err := take(ctx, page.Answer{Notification: u.notification, Kind: u.kind, From: u.from})
			if errs.Is(err, errs.Unavailable) || errs.Is(err, errs.Internal) {
				return fmt.Errorf("take an answer: %w", err)
			}
			if err != nil {
				say = errs.Message(err)
			}
			c.say(ctx, "answerCallbackQuery", map[string]any{"callback_query_id": u.press, "text": page.Short(say, 190), "show_alert": err != nil})
		case u.start != "":
			c.say(ctx, "sendMessage", map[string]any{"chat_id": u.start, "text": "This chat has the number " + u.start + ". With it as the address of a telegram contact, pages come here."})
		}
		if u.id >= *next {
			*next = u.id + 1
		}
	}
	return nil
}

// say is for the comfort of the person: what they did is written already.
func (c *Channel) say(ctx context.Context, method string, in map[string]any) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_ = c.call(ctx, method, in, nil)
}

// update is what came from Telegram: a press, a question for the number of a chat, or something else.
type update struct {
	id           int64
	press        string // id of a press
	from         string
	kind         page.AnswerKind
	notification page.NotificationID
	start        string // chat
}

// parse reads an update; of one that it does not know it reads the id at most.
func parse(b []byte) (u update) {
	var in struct {
		ID    int64 `json:"update_id"`
		Press struct {
			ID   string `json:"id"`
			Data string `json:"data"`
			From struct {
				ID int64 `json:"id"`
			} `json:"from"`
		} `json:"callback_query"`
		Message struct {
			Text string `json:"text"`
			Chat struct {
				ID int64 `json:"id"`
			} `json:"chat"`
		} `json:"message"`
	}
	if err := json.Unmarshal(b, &in); err != nil {
		return update{id: in.ID}
	}
	u.id = in.ID
	if in.Press.ID != "" && in.Press.From.ID != 0 {
		n, isAck := strings.CutPrefix(in.Press.Data, ackPrefix)
		kind := page.AnswerAck
		if !isAck {
			var isResolve bool
			if n, isResolve = strings.CutPrefix(in.Press.Data, resolvePrefix); !isResolve {
				return u
			}
			kind = page.AnswerResolve
		}
		if n == "" {
			return u
		}
		u.press, u.kind, u.notification, u.from = in.Press.ID, kind, page.NotificationID(n), strconv.FormatInt(in.Press.From.ID, 10)
		return u
	}
	if word, _, _ := strings.Cut(in.Message.Text, "@"); word == "/start" && in.Message.Chat.ID != 0 {
		u.start = strconv.FormatInt(in.Message.Chat.ID, 10)
	}
	return u
}

// pause waits for d or the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
