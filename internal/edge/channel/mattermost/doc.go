// Package mattermost is a page.Channel that posts pages to rooms of Mattermost by incoming webhooks. Such a webhook brings
// nothing back, so people acknowledge by the link.
package mattermost
