// Package telegram is a page.Channel that sends pages by a bot of Telegram, with buttons that acknowledge and resolve. The
// presses are fetched by long polling, so that no address of ours has to be reached from outside. An answer is fetched
// again until it is written.
package telegram
