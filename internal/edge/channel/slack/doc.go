// Package slack is a page.Channel that sends pages to people and rooms of Slack. With a bot token it posts messages whose
// buttons acknowledge and resolve; the presses come back by Socket Mode, a connection that we make, so that no address of
// ours has to be reached from outside. With the address of an incoming webhook it only posts, with links.
//
// A press is confirmed to Slack when it is written, and answered so that only the person who pressed sees it.
package slack
