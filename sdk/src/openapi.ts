// Types of the API, generated from its OpenAPI document by `npm run sdk:types`. Do not edit: it is as long as the API.
export interface paths {
    "/alerts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List alerts, newest or oldest first
         * @description `from` (inclusive) and `to` (exclusive) limit the time of receipt. With a read replica, the list may be some seconds old, unless the request has the header `Cache-Control: no-cache`.
         *
         *     Required scope: `read`.
         */
        get: operations["listAlerts"];
        put?: never;
        /**
         * Create an alert
         * @description 202 means that the alert is stored and will be processed or will fail with a reason. If the uuid already exists with the same content, the response is 200 with the current state. It is therefore safe to send a POST again if its response was lost.
         *
         *     Required scope: `write`.
         */
        post: operations["postAlert"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/alerts/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Stream status changes as Server-Sent Events
         * @description Each event is named `alert.<status>` and contains the alert as `GET /alerts/{uuid}` returns it. Changes of one alert within a fraction of a second are merged: the stream contains the last one. To resume after a disconnect, from any replica, send the last `id` as Last-Event-ID; without it the stream starts with the next change. `event: reset` means that the id does not belong to this database: reload the list. `event: ping` is sent every 5 s: after 10 s without any event, reconnect. The stream does not end, so “Try it out” shows nothing here: use curl -N.
         *
         *     Required scope: `read`.
         */
        get: operations["streamEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/alerts/{uuid}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get an alert
         * @description With `Prefer: wait=N` (1 to 25 s) the response is delayed until the state changes: from the one whose ETag is sent as If-None-Match, otherwise from the current one. If no change can follow, the response is immediate. Without a wait, the response for a final alert may be a second old, unless the request has the header `Cache-Control: no-cache`.
         *
         *     Required scope: `read`.
         */
        get: operations["getAlert"];
        put?: never;
        post?: never;
        /**
         * Delete an alert with everything that belongs to it
         * @description Also its deliveries that were not sent yet, and its picture and copy unless another alert has the same. An alert that a worker is processing cannot be deleted.
         *
         *     Required scope: `manage`.
         */
        delete: operations["deleteAlert"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/alerts/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Export alerts as CSV, newest first
         * @description The filters of `GET /alerts`, without a limit. UTF-8, with a header row, commas, CRLF and quotes as in RFC 4180. A text that begins with `=`, `+`, `-`, `@`, a tab or a line break gets an apostrophe before it, so that no spreadsheet runs it as a formula. If the transfer ends without the end of the body, an error has occurred and the file is incomplete. Columns may be added at the end.
         *
         *     Required scope: `read`.
         */
        get: operations["exportAlerts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/alerts/{uuid}/hold": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Place a legal hold, or change its reason
         * @description A held alert, its pictures and its copies are not deleted: not by retention, and not by DELETE.
         *
         *     Required scope: `manage`.
         */
        put: operations["holdAlert"];
        post?: never;
        /**
         * Release a legal hold
         * @description Required scope: `manage`.
         */
        delete: operations["releaseAlert"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/alerts/batch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Create up to 500 alerts, each validated on its own
         * @description The limit for the body is 512 KiB. If several alerts have the same uuid, the first one counts. All accepted alerts are stored when the response arrives. If none is accepted, the response is 422 `batch-rejected`, or 503 `queue-full` if some can be accepted later; both have the `results`, too. For the rate limit, a batch counts as many requests as it has alerts; over the limit the whole batch is rejected.
         *
         *     Required scope: `write`.
         */
        post: operations["postBatch"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/alerts/{uuid}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Retry a failed alert with a new round of attempts
         * @description An alert can fail again before a request is repeated, which then starts one more round, with one more notification. To repeat a request safely, send the same Idempotency-Key: for 24 h the first 202 is returned again, also after the alert has ended, and whatever If-Match says. With If-Match, the alert is retried only in the state that you know.
         *
         *     Required scope: `operate`.
         */
        post: operations["retryAlert"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/alerts/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Retry the failed alerts that match a filter; by default a dry run
         * @description Required scope: `operate`.
         */
        post: operations["retryAlerts"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/alerts/statistics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Count alerts by status and failure code, with the last hour minute by minute
         * @description `from` (inclusive) and `to` (exclusive) limit the time of receipt of the counted alerts.
         *
         *     Required scope: `read`.
         */
        get: operations["getStatistics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/alerts/stores": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the stores that have alerts
         * @description For suggestions in a search field. The list is at most 5 s old, longer with thousands of stores.
         *
         *     Required scope: `read`.
         */
        get: operations["listStores"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/alerts/{uuid}/timeline": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show the steps of an alert and the waits between them
         * @description Required scope: `read`.
         */
        get: operations["getTimeline"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/alerts/triage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Acknowledge or assign up to 200 alerts
         * @description The response is 200 even if nothing was changed: look at the result of each alert.
         *
         *     Required scope: `operate`.
         */
        post: operations["triageAlerts"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/alerts/{uuid}/triage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Acknowledge or assign a failed alert
         * @description Only a failed or late alert can be acknowledged or assigned; ending that, and repeating a request, is possible in any state. A retry keeps both.
         *
         *     Required scope: `operate`.
         */
        patch: operations["triageAlert"];
        trace?: never;
    };
    "/alerts/{uuid}/comments": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the comments of an alert, newest last
         * @description Required scope: `read`.
         */
        get: operations["listComments"];
        put?: never;
        /**
         * Comment on an alert
         * @description In any state. Comments are not changed, and are deleted with the alert.
         *
         *     Required scope: `operate`.
         */
        post: operations["addComment"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/alerts/{uuid}/picture": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the picture of an alert: the first key frame of its video
         * @description At most 640 pixels wide and high. `picture` of the alert says whether there is one.
         *
         *     Required scope: `read`.
         */
        get: operations["getPicture"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/alerts/{uuid}/links": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Create a link to the picture or the copy that needs no key
         * @description It expires after at most 24 hours, and can be created before the file is ready. For the file itself, everyone who has the link has the access of this key.
         *
         *     Required scope: `read`.
         */
        post: operations["createLink"];
        /**
         * Make all links of an alert invalid
         * @description Also those in messages that were sent. A CDN can have the file until the link expires.
         *
         *     Required scope: `operate`.
         */
        delete: operations["revokeLinks"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/media/picture/{uuid}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a picture by a signed link */
        get: operations["getPictureByLink"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/media/copy/{uuid}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a playable copy by a signed link */
        get: operations["getCopyByLink"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/alerts/{uuid}/copy": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the copy of the video that browsers play
         * @description With `Accept: application/json`, its state, also if there is none.
         *
         *     Required scope: `read`.
         */
        get: operations["getCopy"];
        put?: never;
        /**
         * Request a copy of the video that browsers play
         * @description An MP4 with H.264 and AAC, at most 1280 pixels wide and high. A copy that exists or is being made stays as it is; one that could not be made is tried again. Copies that were not used for longest are deleted when space is needed.
         *
         *     Required scope: `operate`.
         */
        post: operations["requestCopy"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/destinations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List all destinations with their health
         * @description Required scope: `read`.
         */
        get: operations["listDestinations"];
        put?: never;
        /**
         * Create a destination
         * @description Secret fields (`headers` of a webhook, `password`, `token`, and the `url` of a chat) are stored encrypted and are in no response. The signing secret of a webhook is generated, and shown only in this response.
         *
         *     Required scope: `manage`.
         */
        post: operations["createDestination"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/destinations/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a destination with its health
         * @description Required scope: `read`.
         */
        get: operations["getDestination"];
        put?: never;
        post?: never;
        /**
         * Delete a destination with its deliveries
         * @description Deliveries that are pending are not sent any more. To keep them, disable the destination.
         *
         *     Required scope: `manage`.
         */
        delete: operations["deleteDestination"];
        options?: never;
        head?: never;
        /**
         * Change, disable or enable a destination
         * @description Absent fields keep their value. While a destination is disabled, its deliveries stay pending. If SECRETS_KEY was lost, send `config` with all secret fields: a webhook then gets a new signing secret, which is in this response.
         *
         *     Required scope: `manage`.
         */
        patch: operations["changeDestination"];
        trace?: never;
    };
    "/destinations/{id}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send a test message and wait for the response
         * @description A worker sends it, also while the destination is disabled. It is sent once and not retried.
         *
         *     Required scope: `manage`.
         */
        post: operations["testDestination"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/destinations/{id}/rotate-secret": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Replace the signing secret of a webhook
         * @description For 24 hours each message has the signatures of both secrets.
         *
         *     Required scope: `manage`.
         */
        post: operations["rotateSecret"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/deliveries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List deliveries, newest first
         * @description There is one delivery for each alert, destination and event. `from` (inclusive) and `to` (exclusive) limit the time of the event. `alert` is a uuid. A key that is limited to stores gets only their deliveries.
         *
         *     Required scope: `read`.
         */
        get: operations["listDeliveries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/deliveries/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a delivery with its attempts
         * @description Required scope: `read`.
         */
        get: operations["getDelivery"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/deliveries/{id}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Retry a failed delivery with a new round of attempts
         * @description Of a grouped delivery, the whole message is sent again. It keeps its id.
         *
         *     Required scope: `manage`.
         */
        post: operations["retryDelivery"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/deliveries/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Retry the failed deliveries that match; by default a dry run
         * @description Required scope: `manage`.
         */
        post: operations["retryDeliveries"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/mutes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the mutes that have not ended
         * @description Required scope: `read`.
         */
        get: operations["listMutes"];
        put?: never;
        /**
         * Send nothing about a store or a failure code for a while
         * @description Its deliveries are recorded as `muted` and counted. They are not sent later.
         *
         *     Required scope: `manage`.
         */
        post: operations["createMute"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/mutes/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * End a mute now
         * @description Required scope: `manage`.
         */
        delete: operations["endMute"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the audit log, newest first
         * @description `from` (inclusive) and `to` (exclusive) limit the time. `npm run audit -- verify` verifies the hashes.
         *
         *     Required scope: `manage`.
         */
        get: operations["listAudit"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/retention": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the rules by which alerts are deleted, and the last run
         * @description The most specific rule applies: of store and status, of the store, of the status, of all; then `default_days`. A key that is limited to stores gets the rules of all stores and of its own.
         *
         *     Required scope: `manage`.
         */
        get: operations["getRetention"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/retention/rules": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Set how long alerts are kept
         * @description Replaces the rule of the same store and status. Within a minute, alerts that are older are deleted, except those that are held, not final, or still to be delivered to an enabled destination.
         *
         *     Required scope: `manage`.
         */
        put: operations["setRetentionRule"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/retention/rules/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Delete a rule: the next less specific one applies
         * @description Required scope: `manage`.
         */
        delete: operations["deleteRetentionRule"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/retention/preview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Count the alerts that a change of the rules would delete
         * @description Changes nothing. With a `store`, counts the alerts of this store; otherwise of all stores.
         *
         *     Required scope: `manage`.
         */
        post: operations["previewRetention"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/stores": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get an overview of the stores, most problems first
         * @description Of each store: the alerts of the period and of the one before, failures, alerts that wait, and the last alert. Stores without an alert in the period are in it, too. The numbers are some seconds old: all stores are counted at the same time.
         *
         *     Required scope: `read`.
         */
        get: operations["storeOverview"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/silences": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the stores and cameras that have sent no alert for longer than usual
         * @description Newest first. What is usual is learned from the alerts; a store is watched from its eighth day on. A key that is limited to stores gets only their silences.
         *
         *     Required scope: `read`.
         */
        get: operations["listSilences"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/backups": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get when the last backup and the last restore drill succeeded
         * @description See docs/backup.md. A key that is limited to stores gets 403.
         *
         *     Required scope: `manage`.
         */
        get: operations["getBackups"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List all API keys
         * @description A key that is limited to stores gets the keys that are limited to these.
         *
         *     Required scope: `manage`.
         */
        get: operations["listKeys"];
        put?: never;
        /**
         * Create an API key
         * @description The key is only in this response; the database has the SHA-256 of its secret. It works at once. It can have only scopes and stores that the key of the request has: otherwise 403.
         *
         *     Required scope: `manage`.
         */
        post: operations["createKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/keys/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get an API key
         * @description Required scope: `manage`.
         */
        get: operations["getKey"];
        put?: never;
        post?: never;
        /**
         * Revoke an API key
         * @description Every process rejects the key within 5 seconds, and its logins end. Its row stays. Revoking it again changes nothing. The key of the request itself cannot be revoked (409), so that an administrator is not locked out.
         *
         *     Required scope: `manage`.
         */
        delete: operations["revokeKey"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/keys/{id}/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Replace an API key
         * @description Creates a key with the same name, scopes and stores, which is only in this response. The old key stays valid for `overlap`, so that its user can change over without an interruption. With the overlap `0`, it is rejected within 5 seconds.
         *
         *     Required scope: `manage`.
         */
        post: operations["rotateKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/settings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the configuration, versions, migrations and the state of each dependency
         * @description Of the api process that responds, and of the workers; secrets are hidden. A key that is limited to stores gets 403.
         *
         *     Required scope: `manage`.
         */
        get: operations["getSettings"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/livez": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Check that the process is running */
        get: operations["getLivez"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Check that the API accepts alerts */
        get: operations["getReadyz"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the metrics of this process in Prometheus format
         * @description Required scope: `metrics`.
         */
        get: operations["getMetrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get this document */
        get: operations["getOpenApi"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/docs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show this document as an interactive page */
        get: operations["getDocs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/problems/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Explain a kind of problem */
        get: operations["getProblem"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        MalformedJsonProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/malformed-json";
            /** @constant */
            title?: "Invalid JSON";
            /** @constant */
            status?: 400;
        };
        BadRequestProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/bad-request";
            /** @constant */
            title?: "Bad request";
            /** @constant */
            status?: 400;
        };
        BadCursorProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/bad-cursor";
            /** @constant */
            title?: "Invalid cursor";
            /** @constant */
            status?: 400;
        };
        UnauthorizedProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/unauthorized";
            /** @constant */
            title?: "Authentication required";
            /** @constant */
            status?: 401;
        };
        ForbiddenProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/forbidden";
            /** @constant */
            title?: "Insufficient scope";
            /** @constant */
            status?: 403;
        };
        BadEventIdProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/bad-event-id";
            /** @constant */
            title?: "Invalid event id";
            /** @constant */
            status?: 400;
        };
        CrossSiteProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/cross-site";
            /** @constant */
            title?: "Cross-site request rejected";
            /** @constant */
            status?: 403;
        };
        LinkInvalidProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/link-invalid";
            /** @constant */
            title?: "Invalid link";
            /** @constant */
            status?: 403;
        };
        NotFoundProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/not-found";
            /** @constant */
            title?: "Not found";
            /** @constant */
            status?: 404;
        };
        PictureNotAvailableProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/picture-not-available";
            /** @constant */
            title?: "No picture";
            /** @constant */
            status?: 404;
            /** @enum {unknown} */
            status_now: "pending" | "none";
            reason: string | null;
        };
        CopyNotAvailableProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/copy-not-available";
            /** @constant */
            title?: "No playable copy";
            /** @constant */
            status?: 404;
            /** @enum {unknown} */
            status_now: "pending" | "none";
            reason: string | null;
        };
        MethodNotAllowedProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/method-not-allowed";
            /** @constant */
            title?: "Method not allowed";
            /** @constant */
            status?: 405;
        };
        AlertConflictProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/alert-conflict";
            /** @constant */
            title?: "UUID already in use";
            /** @constant */
            status?: 409;
            fields: string[];
            existing: string;
        };
        AlertArchivedProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/alert-archived";
            /** @constant */
            title?: "Alert is from the archive";
            /** @constant */
            status?: 409;
        };
        AlertHeldProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/alert-held";
            /** @constant */
            title?: "Alert is held";
            /** @constant */
            status?: 409;
        };
        AlertProcessingProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/alert-processing";
            /** @constant */
            title?: "Alert is being processed";
            /** @constant */
            status?: 409;
        };
        CopyNotNeededProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/copy-not-needed";
            /** @constant */
            title?: "Browsers play the original";
            /** @constant */
            status?: 409;
            video: string;
            source: string | null;
        };
        CopyNotPossibleProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/copy-not-possible";
            /** @constant */
            title?: "Alert not processed";
            /** @constant */
            status?: 409;
            /** @enum {unknown} */
            status_now: "pending" | "processing" | "failed";
        };
        NotRetryableProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/not-retryable";
            /** @constant */
            title?: "Alert has not failed";
            /** @constant */
            status?: 409;
            /** @enum {unknown} */
            status_now: "pending" | "processing" | "processed";
        };
        TriageNotNeededProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/triage-not-needed";
            /** @constant */
            title?: "Alert needs no work";
            /** @constant */
            status?: 409;
            /** @enum {unknown} */
            status_now: "pending" | "processing" | "processed";
        };
        TooManyCommentsProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/too-many-comments";
            /** @constant */
            title?: "Too many comments";
            /** @constant */
            status?: 409;
        };
        NameTakenProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/name-taken";
            /** @constant */
            title?: "Name already in use";
            /** @constant */
            status?: 409;
            existing: string;
        };
        BuiltinDestinationProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/builtin-destination";
            /** @constant */
            title?: "Destination is built in";
            /** @constant */
            status?: 409;
        };
        NoSigningSecretProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/no-signing-secret";
            /** @constant */
            title?: "Destination has no signing secret";
            /** @constant */
            status?: 409;
        };
        DeliveryNotFailedProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/delivery-not-failed";
            /** @constant */
            title?: "Delivery has not failed";
            /** @constant */
            status?: 409;
            /** @enum {unknown} */
            status_now: "pending" | "delivered" | "muted";
        };
        OwnKeyProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/own-key";
            /** @constant */
            title?: "Key of this request";
            /** @constant */
            status?: 409;
        };
        KeyNotActiveProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/key-not-active";
            /** @constant */
            title?: "Key is not active";
            /** @constant */
            status?: 409;
        };
        TooSlowProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/too-slow";
            /** @constant */
            title?: "Request timeout";
            /** @constant */
            status?: 408;
        };
        LinkExpiredProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/link-expired";
            /** @constant */
            title?: "Link expired";
            /** @constant */
            status?: 410;
        };
        PreconditionFailedProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/precondition-failed";
            /** @constant */
            title?: "Alert has changed";
            /** @constant */
            status?: 412;
        };
        TooLargeProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/too-large";
            /** @constant */
            title?: "Body too large";
            /** @constant */
            status?: 413;
        };
        NotJsonProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/not-json";
            /** @constant */
            title?: "Unsupported media type";
            /** @constant */
            status?: 415;
        };
        RangeNotSatisfiableProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/range-not-satisfiable";
            /** @constant */
            title?: "Range not satisfiable";
            /** @constant */
            status?: 416;
        };
        MisdirectedProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/misdirected";
            /** @constant */
            title?: "Host not allowed";
            /** @constant */
            status?: 421;
        };
        BatchRejectedProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/batch-rejected";
            /** @constant */
            title?: "All alerts rejected";
            /** @constant */
            status?: 422;
            results: components["schemas"]["BatchResult"][];
        };
        ValidationProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/validation";
            /** @constant */
            title?: "Validation failed";
            /** @constant */
            status?: 422;
            errors: unknown[];
        };
        TooManyHeldProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/too-many-held";
            /** @constant */
            title?: "Too many open streams and waits";
            /** @constant */
            status?: 429;
        };
        TooManyExportsProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/too-many-exports";
            /** @constant */
            title?: "Too many exports";
            /** @constant */
            status?: 429;
        };
        TooManyRequestsProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/too-many-requests";
            /** @constant */
            title?: "Too many requests";
            /** @constant */
            status?: 429;
        };
        HeadersTooLargeProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/headers-too-large";
            /** @constant */
            title?: "Headers too large";
            /** @constant */
            status?: 431;
        };
        InternalProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/internal";
            /** @constant */
            title?: "Internal server error";
            /** @constant */
            status?: 500;
        };
        SecretsUnavailableProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/secrets-unavailable";
            /** @constant */
            title?: "Secrets unavailable";
            /** @constant */
            status?: 503;
        };
        LinksUnavailableProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/links-unavailable";
            /** @constant */
            title?: "Links unavailable";
            /** @constant */
            status?: 503;
        };
        MediaUnavailableProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/media-unavailable";
            /** @constant */
            title?: "Stored files unavailable";
            /** @constant */
            status?: 503;
        };
        QueueFullProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/queue-full";
            /** @constant */
            title?: "Queue full";
            /** @constant */
            status?: 503;
        };
        UnavailableProblem: components["schemas"]["Problem"] & {
            /** @constant */
            type?: "/problems/unavailable";
            /** @constant */
            title?: "Service unavailable";
            /** @constant */
            status?: 503;
        };
        /**
         * @example {
         *       "uuid": "35df2857-3a48-4985-aed0-e68b5ae4c968",
         *       "video": "/videos/test_1.avi",
         *       "timestamp": 1748871320.6882,
         *       "store": "test-store"
         *     }
         */
        NewAlert: {
            /**
             * Format: uuid
             * @description Chosen by the client. Sending the same uuid again does not create a second alert.
             */
            uuid: string;
            /** @description Absolute path on the video server, ending in .mp4, .avi, .mov, .mkv or .webm, or in another extension that VIDEO_EXTENSIONS allows. */
            video: string;
            /** @description When the camera recorded it: Unix seconds, at most a day in the future. */
            timestamp: number;
            /** @description No control characters. */
            store: string;
            /** @description The camera of the store. No control characters. */
            camera?: string;
            /** @description The name of the video source that has the video. By default the server decides by store. */
            source?: string;
        };
        NewHold: {
            /** @description Why it must be kept, such as the number of a case. */
            reason: string;
        };
        Batch: {
            alerts: unknown[];
        };
        /**
         * @example {
         *       "filter": {
         *         "store": "test-store",
         *         "failure_code": "video_timeout"
         *       },
         *       "dry_run": true
         *     }
         */
        BulkRetry: {
            /** @description Selects failed alerts; {} selects all. `from` and `to` limit the time of receipt. */
            filter: {
                store?: string;
                /** @enum {string} */
                failure_code?: "video_not_found" | "video_forbidden" | "video_server_error" | "video_server_unreachable" | "video_timeout" | "video_too_large" | "video_unreadable" | "no_video_stream" | "redirect_refused" | "worker_crashed";
                /** Format: date-time */
                from?: string;
                /** Format: date-time */
                to?: string;
            };
            /** @default 1000 */
            max?: number;
            /**
             * @description Jobs that start per second.
             * @default 50
             */
            rate_per_s?: number;
            /**
             * @description true only reports what would be retried; false retries it.
             * @default true
             */
            dry_run?: boolean;
        };
        BulkTriage: {
            uuids: string[];
            /** @description true keeps the first time and name; false ends the acknowledgement. */
            acknowledged?: boolean;
            /** @description The name of a key; null: nobody. */
            assignee?: string | null;
        };
        TriageChange: {
            /** @description true keeps the first time and name; false ends the acknowledgement. */
            acknowledged?: boolean;
            /** @description The name of a key; null: nobody. */
            assignee?: string | null;
        };
        NewComment: {
            /** @description Several lines are possible. Space at both ends is removed. */
            text: string;
        };
        NewLink: {
            /** @enum {string} */
            of: "picture" | "copy";
            /**
             * @description Seconds until the link expires.
             * @default 3600
             */
            expires_in?: number;
        };
        NewDestination: {
            /** @description Unique. */
            name: string;
            /** @enum {string} */
            kind: "webhook" | "email" | "ntfy" | "slack" | "teams" | "discord" | "mqtt";
            /** @description Depends on the kind. `slack`, `teams` and `discord` have only `url`. */
            config: {
                url: string;
                headers?: {
                    [key: string]: string;
                };
                template?: string;
                content_type?: string;
            } | {
                to: string[];
                /** Format: email */
                from: string;
                host: string;
                port: number;
                /** @enum {string} */
                security: "starttls" | "tls" | "none";
                user?: string;
                password?: string;
            } | {
                /** @default https://ntfy.sh */
                server?: string;
                topic: string;
                token?: string;
                priority?: number;
            } | {
                url: string;
            } | {
                url: string;
                user?: string;
                password?: string;
                /** @default video-alerts */
                topic_prefix?: string;
                /** @default true */
                retain?: boolean;
                /** @default false */
                home_assistant?: boolean;
            };
            /**
             * @description Which events to deliver; an empty list is all. `failure_codes` apply to alert.failed only.
             * @default {}
             */
            filter?: {
                stores?: string[];
                events?: ("alert.processed" | "alert.failed" | "alert.late" | "store.silent" | "store.back")[];
                failure_codes?: ("video_not_found" | "video_forbidden" | "video_server_error" | "video_server_unreachable" | "video_timeout" | "video_too_large" | "video_unreadable" | "no_video_stream" | "redirect_refused" | "worker_crashed")[];
            };
            /**
             * @description Collect the alerts of a store in one message; null: one message per event.
             * @default null
             */
            group?: {
                /** @constant */
                by: "store";
                /** @default 30 */
                wait_s?: number;
                /** @default 300 */
                interval_s?: number;
            } | null;
            /**
             * @description Messages wait up to 2 s for the picture of their alert.
             * @default false
             */
            wait_for_picture?: boolean;
            /** @default true */
            enabled?: boolean;
        };
        DestinationPatch: {
            name?: string;
            /** @description Replaces all public fields. A secret field that is absent keeps its value, and null removes it. If the receiver is another server, secret fields must be sent again. */
            config?: {
                [key: string]: unknown;
            };
            filter?: {
                stores?: string[];
                events?: ("alert.processed" | "alert.failed" | "alert.late" | "store.silent" | "store.back")[];
                failure_codes?: ("video_not_found" | "video_forbidden" | "video_server_error" | "video_server_unreachable" | "video_timeout" | "video_too_large" | "video_unreadable" | "no_video_stream" | "redirect_refused" | "worker_crashed")[];
            };
            group?: {
                /** @constant */
                by: "store";
                /** @default 30 */
                wait_s?: number;
                /** @default 300 */
                interval_s?: number;
            } | null;
            wait_for_picture?: boolean;
            /** @description true delivers what has become pending, oldest first, at DELIVERY_BACKLOG_RATE per second. */
            enabled?: boolean;
        };
        /** @description Selects failed deliveries; {} selects all. */
        DeliveryRetry: {
            /** Format: uuid */
            destination?: string;
            /** Format: uuid */
            alert?: string;
            store?: string;
            /** @enum {string} */
            failure_code?: "video_not_found" | "video_forbidden" | "video_server_error" | "video_server_unreachable" | "video_timeout" | "video_too_large" | "video_unreadable" | "no_video_stream" | "redirect_refused" | "worker_crashed";
            /** Format: date-time */
            from?: string;
            /** Format: date-time */
            to?: string;
            /** @default 1000 */
            max?: number;
            /** @description Deliveries that start per second. Default: DELIVERY_BACKLOG_RATE. */
            rate_per_s?: number;
            /**
             * @description true only reports what would be retried; false retries it.
             * @default true
             */
            dry_run?: boolean;
        };
        /** @description `store`, `failure_code` or both, and `ends_at` or `duration`. */
        NewMute: {
            store?: string;
            /** @enum {string} */
            failure_code?: "video_not_found" | "video_forbidden" | "video_server_error" | "video_server_unreachable" | "video_timeout" | "video_too_large" | "video_unreadable" | "no_video_stream" | "redirect_refused" | "worker_crashed";
            /**
             * Format: uuid
             * @description Default: all destinations.
             */
            destination?: string;
            /** Format: date-time */
            ends_at?: string;
            /** @description Instead of `ends_at`, such as `2h`. */
            duration?: string;
            reason: string;
        };
        NewRetentionRule: {
            /**
             * @description null: all stores.
             * @default null
             */
            store?: string | null;
            /**
             * @description null: both.
             * @default null
             */
            status?: ("processed" | "failed") | null;
            /** @description Days after the receipt; null: forever. */
            days: number | null;
        };
        /** @description A rule that would be set, or with `remove`, deleted. */
        RetentionPreviewRequest: {
            /**
             * @description null: all stores.
             * @default null
             */
            store?: string | null;
            /**
             * @description null: both.
             * @default null
             */
            status?: ("processed" | "failed") | null;
            /** @description Days after the receipt; null: forever. */
            days?: number | null;
            /**
             * @description Instead of `days`.
             * @default false
             */
            remove?: boolean;
        };
        NewKey: {
            /** @description Who uses the key. */
            name: string;
            scopes: ("write" | "read" | "operate" | "manage" | "metrics")[];
            /**
             * @description The stores that the key is limited to; empty: all.
             * @default []
             */
            stores?: string[];
            /** @description Null: never. */
            expires_at?: string | null;
        };
        KeyRotation: {
            /**
             * @description How long the old key stays valid, such as `24h`; `0`: not at all; at most `30d`.
             * @default 24h
             */
            overlap?: "0" | string;
            /** @description Of the new key. Default: it is valid for as long as the old one was at first. */
            expires_at?: string | null;
        };
        Alert: {
            /** Format: uuid */
            uuid: string;
            /** @enum {string} */
            status: "pending" | "processing" | "processed" | "failed";
            video: string;
            store: string;
            camera: string | null;
            /** @description The video source that the client named. */
            source: string | null;
            timestamp: number;
            /** @description Width x height as shown, with the rotation applied. */
            resolution: string | null;
            width: number | null;
            height: number | null;
            /** @description Degrees clockwise. */
            rotation: number | null;
            codec: string | null;
            container: string | null;
            /** @description Seconds. */
            duration: number | null;
            attempts: number;
            bytes_fetched: number;
            failure: {
                /**
                 * @description - `video_not_found`: The video server has no file at this path (404, 410). Check the path. Retry when the file exists.
                 *     - `video_forbidden`: The video server denied access to the file (401, 403). Allow the worker to read the file, then retry.
                 *     - `video_server_error`: The video server returned an error (5xx, 429) or an invalid HTTP response. Check the video server, then retry.
                 *     - `video_server_unreachable`: The worker could not connect to the video server. Start the video server or correct VIDEO_SERVER, then retry.
                 *     - `video_timeout`: Connecting to the video server or reading the video took too long. Check the network and the load, or raise FETCH_TIMEOUT_MS, then retry.
                 *     - `video_too_large`: The worker reached its byte budget before it found the resolution. Enable range requests on the video server or raise VIDEO_BYTE_BUDGET, then retry.
                 *     - `video_unreadable`: The file is not a valid video, or it is damaged. Replace the file, then retry.
                 *     - `no_video_stream`: The file is readable but has no video stream. Check the camera and replace the file, then retry.
                 *     - `redirect_refused`: The video server redirected to another origin. Set VIDEO_SERVER to that origin, then retry.
                 *     - `worker_crashed`: The worker crashed on this video several times, or hit an internal error. Keep the file and report the problem.
                 * @enum {string}
                 */
                code: "video_not_found" | "video_forbidden" | "video_server_error" | "video_server_unreachable" | "video_timeout" | "video_too_large" | "video_unreadable" | "no_video_stream" | "redirect_refused" | "worker_crashed";
                detail: string;
                /** @description Whether failures with this code are retried automatically, for RETRY_HORIZON (24 hours). An operator can retry every failed alert. */
                retryable: boolean;
                /** @description What to do, in one sentence. */
                action: string;
            } | null;
            last_error: {
                /** @enum {string} */
                code: "video_not_found" | "video_forbidden" | "video_server_error" | "video_server_unreachable" | "video_timeout" | "video_too_large" | "video_unreadable" | "no_video_stream" | "redirect_refused" | "worker_crashed";
                detail: string;
                at: string | null;
            } | null;
            /** @description While it waits for a retry: when the next attempt starts. Null if that time has passed: the alert waits for a free worker, or for its video source. */
            next_attempt_at: string | null;
            /** @description While it is unfinished after a failed attempt, or after LATE_AFTER if a destination receives alert.late; null otherwise. */
            late: {
                /**
                 * Format: date-time
                 * @description When the current round of attempts started.
                 */
                since: string;
                /** @description The error of the last attempt, with its code. */
                reason: string;
                next_attempt_at: string | null;
            } | null;
            /** @description The picture of a processed alert; null for others. */
            picture: {
                /**
                 * @description pending: it is being made. none: there is no picture, see reason.
                 * @enum {string}
                 */
                status: "pending" | "ready" | "none";
                /** @description A code: why there is none, or why it is late. */
                reason: string | null;
                /** @description The reason in one sentence. */
                detail: string | null;
                /** @description Of the picture, not of the video. */
                width: number | null;
                height: number | null;
                /** @description Bytes fetched for the picture, in addition to bytes_fetched. */
                picture_bytes: number;
            } | null;
            /** @description The legal hold: the alert cannot be deleted. Null: none. */
            hold: {
                reason: string;
                /** @description The name of the API key. */
                created_by: string;
                /** Format: date-time */
                created_at: string;
            } | null;
            /** @description Who has acknowledged it and who works on it, and the number of comments. Null: nothing. */
            triage: {
                acknowledged_at: string | null;
                /** @description The name of the API key. */
                acknowledged_by: string | null;
                /** @description The name of who works on it. */
                assignee: string | null;
                /** @description GET /alerts/{uuid}/comments returns them. */
                comments: number;
            } | null;
            /** @description Restored from the archive: it is never processed, retried or delivered again. See docs/archive.md. */
            archived: boolean;
            /** Format: date-time */
            received_at: string;
            /**
             * Format: date-time
             * @description When the current round of attempts started: at the receipt, or when an operator retried the alert.
             */
            round_started_at: string;
            /** @description When the latest attempt started. */
            started_at: string | null;
            processed_at: string | null;
            notified_at: string | null;
            links: {
                self: string;
            };
        };
        AcceptedAlert: {
            /** Format: uuid */
            uuid: string;
            /** @enum {string} */
            status: "pending" | "processing" | "processed" | "failed";
            video: string;
            store: string;
            camera: string | null;
            /** @description The video source that the client named. */
            source: string | null;
            timestamp: number;
            /** @description Width x height as shown, with the rotation applied. */
            resolution: string | null;
            width: number | null;
            height: number | null;
            /** @description Degrees clockwise. */
            rotation: number | null;
            codec: string | null;
            container: string | null;
            /** @description Seconds. */
            duration: number | null;
            attempts: number;
            bytes_fetched: number;
            failure: {
                /**
                 * @description - `video_not_found`: The video server has no file at this path (404, 410). Check the path. Retry when the file exists.
                 *     - `video_forbidden`: The video server denied access to the file (401, 403). Allow the worker to read the file, then retry.
                 *     - `video_server_error`: The video server returned an error (5xx, 429) or an invalid HTTP response. Check the video server, then retry.
                 *     - `video_server_unreachable`: The worker could not connect to the video server. Start the video server or correct VIDEO_SERVER, then retry.
                 *     - `video_timeout`: Connecting to the video server or reading the video took too long. Check the network and the load, or raise FETCH_TIMEOUT_MS, then retry.
                 *     - `video_too_large`: The worker reached its byte budget before it found the resolution. Enable range requests on the video server or raise VIDEO_BYTE_BUDGET, then retry.
                 *     - `video_unreadable`: The file is not a valid video, or it is damaged. Replace the file, then retry.
                 *     - `no_video_stream`: The file is readable but has no video stream. Check the camera and replace the file, then retry.
                 *     - `redirect_refused`: The video server redirected to another origin. Set VIDEO_SERVER to that origin, then retry.
                 *     - `worker_crashed`: The worker crashed on this video several times, or hit an internal error. Keep the file and report the problem.
                 * @enum {string}
                 */
                code: "video_not_found" | "video_forbidden" | "video_server_error" | "video_server_unreachable" | "video_timeout" | "video_too_large" | "video_unreadable" | "no_video_stream" | "redirect_refused" | "worker_crashed";
                detail: string;
                /** @description Whether failures with this code are retried automatically, for RETRY_HORIZON (24 hours). An operator can retry every failed alert. */
                retryable: boolean;
                /** @description What to do, in one sentence. */
                action: string;
            } | null;
            last_error: {
                /** @enum {string} */
                code: "video_not_found" | "video_forbidden" | "video_server_error" | "video_server_unreachable" | "video_timeout" | "video_too_large" | "video_unreadable" | "no_video_stream" | "redirect_refused" | "worker_crashed";
                detail: string;
                at: string | null;
            } | null;
            /** @description While it waits for a retry: when the next attempt starts. Null if that time has passed: the alert waits for a free worker, or for its video source. */
            next_attempt_at: string | null;
            /** @description While it is unfinished after a failed attempt, or after LATE_AFTER if a destination receives alert.late; null otherwise. */
            late: {
                /**
                 * Format: date-time
                 * @description When the current round of attempts started.
                 */
                since: string;
                /** @description The error of the last attempt, with its code. */
                reason: string;
                next_attempt_at: string | null;
            } | null;
            /** @description The picture of a processed alert; null for others. */
            picture: {
                /**
                 * @description pending: it is being made. none: there is no picture, see reason.
                 * @enum {string}
                 */
                status: "pending" | "ready" | "none";
                /** @description A code: why there is none, or why it is late. */
                reason: string | null;
                /** @description The reason in one sentence. */
                detail: string | null;
                /** @description Of the picture, not of the video. */
                width: number | null;
                height: number | null;
                /** @description Bytes fetched for the picture, in addition to bytes_fetched. */
                picture_bytes: number;
            } | null;
            /** @description The legal hold: the alert cannot be deleted. Null: none. */
            hold: {
                reason: string;
                /** @description The name of the API key. */
                created_by: string;
                /** Format: date-time */
                created_at: string;
            } | null;
            /** @description Who has acknowledged it and who works on it, and the number of comments. Null: nothing. */
            triage: {
                acknowledged_at: string | null;
                /** @description The name of the API key. */
                acknowledged_by: string | null;
                /** @description The name of who works on it. */
                assignee: string | null;
                /** @description GET /alerts/{uuid}/comments returns them. */
                comments: number;
            } | null;
            /** @description Restored from the archive: it is never processed, retried or delivered again. See docs/archive.md. */
            archived: boolean;
            /** Format: date-time */
            received_at: string;
            /**
             * Format: date-time
             * @description When the current round of attempts started: at the receipt, or when an operator retried the alert.
             */
            round_started_at: string;
            /** @description When the latest attempt started. */
            started_at: string | null;
            processed_at: string | null;
            notified_at: string | null;
            links: {
                self: string;
            };
            /** @enum {string} */
            dispatch: "queued" | "deferred";
        };
        AlertPage: {
            data: components["schemas"]["Alert"][];
            next_cursor: string | null;
            /** @description Only with `q`. File names and parts of uuids were searched in alerts received since this time only; null: in all. To search older ones, repeat the request with this time as `to`. */
            searched_from?: string | null;
        };
        BatchResponse: {
            /** @description One per alert, in the same order. */
            results: components["schemas"]["BatchResult"][];
        };
        BatchResult: {
            /** @description Position in the batch, from 0. */
            index: number;
            /**
             * Format: uuid
             * @description Missing if the alert has no valid uuid.
             */
            uuid?: string;
            /** @description The status of POST /alerts for this alert: 202, 200, 403, 409, 422 or 503. */
            status: number;
            /**
             * @description With 202.
             * @enum {string}
             */
            dispatch?: "queued" | "deferred";
            /**
             * @description With 200: the current status of the alert, which was accepted before.
             * @enum {string}
             */
            state?: "pending" | "processing" | "processed" | "failed";
            problem?: {
                type: string;
                title: string;
                status: number;
                detail: string;
                /** @description For `validation`: one entry per error, at most 100. */
                errors?: {
                    pointer: string;
                    code: string;
                    detail: string;
                }[];
                /** @description The number of errors that `errors` does not list. */
                errors_omitted?: number;
            } & {
                [key: string]: unknown;
            };
        };
        BulkRetryResponse: {
            dry_run: boolean;
            /** @description Failed alerts that match. */
            matched: number;
            /** @description Matching alerts within `max`, the oldest first. */
            selected: number;
            retried: number;
            /** @enum {string} */
            dispatch: "queued" | "deferred";
            /** @description The first ten selected alerts. */
            sample: string[];
        };
        Statistics: {
            /** @description Alerts in the time range: the latest 100000 at most. */
            counted: number;
            /** @description False if the time range contains more alerts than were counted. */
            complete: boolean;
            counts: {
                pending: number;
                processing: number;
                processed: number;
                failed: number;
            };
            /** @description When the oldest alert that is neither processed nor failed was received, or was retried. */
            oldest_open_at: string | null;
            /** @description The most frequent first. */
            failures: {
                /** @enum {string} */
                code: "video_not_found" | "video_forbidden" | "video_server_error" | "video_server_unreachable" | "video_timeout" | "video_too_large" | "video_unreadable" | "no_video_stream" | "redirect_refused" | "worker_crashed";
                count: number;
                /** @description Of them, those restored from the archive: they are never retried. */
                archived: number;
                /**
                 * Format: date-time
                 * @description When the latest of them was received.
                 */
                newest_at: string;
                /** @description The stores with most of these failures. */
                stores: {
                    store: string;
                    count: number;
                }[];
                /** @description Number of other stores with such failures. */
                other_stores: number;
            }[];
            /** @description Alerts that wait for another attempt, by the source of their videos, most first: of all stores and times that the key may access, among the oldest 100000 unfinished alerts. */
            waiting: {
                /** @description The video source, as SOURCES_FILE maps it; null without SOURCES_FILE. */
                source: string | null;
                /**
                 * @description Why most of their last attempts failed.
                 * @enum {string}
                 */
                code: "video_not_found" | "video_forbidden" | "video_server_error" | "video_server_unreachable" | "video_timeout" | "video_too_large" | "video_unreadable" | "no_video_stream" | "redirect_refused" | "worker_crashed";
                count: number;
                /**
                 * Format: date-time
                 * @description When the oldest of them was received, or was retried by an operator.
                 */
                since: string;
                /** @description The next of their attempts whose time is known. */
                next_attempt_at: string | null;
            }[];
            /** @description The last 60 minutes, independent of the time range. The current minute is last. */
            minutes: {
                /**
                 * Format: date-time
                 * @description Start of the minute.
                 */
                at: string;
                received: number;
                /** @description Of the alerts received in this minute. */
                processed: number;
                /** @description Of the alerts received in this minute. */
                failed: number;
                /** @description Median time from receipt, or from the last retry, to the result; null without results. */
                p50_ms: number | null;
                p95_ms: number | null;
            }[];
        };
        StoreList: {
            /** @description Names that contain `q`, or all names without it. */
            data: string[];
            /** @description Number of such names, those beyond `limit` included. */
            total: number;
            /** @description If no name contains `q`: the most similar names, at most five. */
            similar: string[];
        };
        Timeline: {
            /** Format: uuid */
            uuid: string;
            /** @description The longest wait and its reason, in one sentence. */
            summary: string;
            /** @description All five, in order. queued, claimed and probed are those of the latest attempt. */
            steps: {
                /** @enum {string} */
                step: "received" | "queued" | "claimed" | "probed" | "notified";
                /** @description null: not yet, or unknown. */
                at: string | null;
                /** @description Since the previous known step. */
                wait_ms: number | null;
            }[];
            /** @description The step it waits for now; null after the notification. */
            waiting: {
                /** @enum {string} */
                for: "received" | "queued" | "claimed" | "probed" | "notified";
                /** Format: date-time */
                since: string;
                ms: number;
            } | null;
            /** @description From receipt, or from the last retry by an operator, to the notification, or until now. */
            total_ms: number;
            attempts: number;
            /** @description The attempts before an operator retried it. */
            attempts_before: number;
            /** @description Attempts since then whose worker crashed. */
            crashes: number;
            /** @description Why the last failed attempt that was, or will be, followed by another one failed. */
            last_fault: string | null;
            /** @description While the alert waits for a retry: when the next attempt starts, if no worker is busy. */
            next_attempt_at: string | null;
            failure: {
                /**
                 * @description - `video_not_found`: The video server has no file at this path (404, 410). Check the path. Retry when the file exists.
                 *     - `video_forbidden`: The video server denied access to the file (401, 403). Allow the worker to read the file, then retry.
                 *     - `video_server_error`: The video server returned an error (5xx, 429) or an invalid HTTP response. Check the video server, then retry.
                 *     - `video_server_unreachable`: The worker could not connect to the video server. Start the video server or correct VIDEO_SERVER, then retry.
                 *     - `video_timeout`: Connecting to the video server or reading the video took too long. Check the network and the load, or raise FETCH_TIMEOUT_MS, then retry.
                 *     - `video_too_large`: The worker reached its byte budget before it found the resolution. Enable range requests on the video server or raise VIDEO_BYTE_BUDGET, then retry.
                 *     - `video_unreadable`: The file is not a valid video, or it is damaged. Replace the file, then retry.
                 *     - `no_video_stream`: The file is readable but has no video stream. Check the camera and replace the file, then retry.
                 *     - `redirect_refused`: The video server redirected to another origin. Set VIDEO_SERVER to that origin, then retry.
                 *     - `worker_crashed`: The worker crashed on this video several times, or hit an internal error. Keep the file and report the problem.
                 * @enum {string}
                 */
                code: "video_not_found" | "video_forbidden" | "video_server_error" | "video_server_unreachable" | "video_timeout" | "video_too_large" | "video_unreadable" | "no_video_stream" | "redirect_refused" | "worker_crashed";
                detail: string;
                /** @description Whether failures with this code are retried automatically, for RETRY_HORIZON (24 hours). An operator can retry every failed alert. */
                retryable: boolean;
                /** @description What to do, in one sentence. */
                action: string;
            } | null;
            bytes_fetched: number;
            /** @description Every retry by an operator starts a round of attempts. The current round is last; retries of versions that did not save rounds are missing. */
            rounds: {
                number: number;
                /** @enum {string} */
                status: "pending" | "processing" | "processed" | "failed";
                /**
                 * Format: date-time
                 * @description The receipt, or a retry by an operator.
                 */
                started_at: string;
                /** @description When the result was recorded. */
                ended_at: string | null;
                /** @description Duration, until now if it has not ended. */
                ms: number;
                attempts: number;
                failure: {
                    /** @enum {string} */
                    code: "video_not_found" | "video_forbidden" | "video_server_error" | "video_server_unreachable" | "video_timeout" | "video_too_large" | "video_unreadable" | "no_video_stream" | "redirect_refused" | "worker_crashed";
                    detail: string;
                } | null;
            }[];
            /** @description The newest 100 by people, oldest first, as far as the audit log has them. */
            triage: {
                /** @enum {string} */
                action: "acknowledged" | "reopened" | "assigned" | "commented";
                /** Format: date-time */
                at: string;
                /** @description The name of the API key. */
                by: string;
                /** @description Of `assigned`: the name of who works on it; null: nobody. */
                assignee: string | null;
            }[];
        };
        BulkTriageResponse: {
            /** @description One per uuid, in the same order. */
            results: components["schemas"]["TriageResult"][];
        };
        TriageResult: {
            /** Format: uuid */
            uuid: string;
            /** @description The status of PATCH /alerts/{uuid}/triage for this alert: 200, 404 or 409. */
            status: number;
            /** @description With 200: the triage from now on. */
            triage?: {
                acknowledged_at: string | null;
                /** @description The name of the API key. */
                acknowledged_by: string | null;
                /** @description The name of who works on it. */
                assignee: string | null;
                /** @description GET /alerts/{uuid}/comments returns them. */
                comments: number;
            } | null;
            problem?: {
                type: string;
                title: string;
                status: number;
                detail: string;
                /** @description For `validation`: one entry per error, at most 100. */
                errors?: {
                    pointer: string;
                    code: string;
                    detail: string;
                }[];
                /** @description The number of errors that `errors` does not list. */
                errors_omitted?: number;
            } & {
                [key: string]: unknown;
            };
        };
        CommentList: {
            /** @description All of them, newest last. */
            data: components["schemas"]["Comment"][];
        };
        Comment: {
            /** @description From 1, for each alert. */
            number: number;
            text: string;
            /** @description The name of the API key. */
            author: string;
            /** Format: date-time */
            created_at: string;
        };
        Link: {
            /**
             * Format: uri
             * @description An absolute URL that needs no key. Everyone who has it can read the file.
             */
            url: string;
            /** Format: date-time */
            expires_at: string;
        };
        Copy: {
            /** @enum {string} */
            status: "pending" | "ready" | "none";
            /** @description A small copy, which is not deleted to make space for others. */
            archive: boolean;
            progress: number;
            width: number | null;
            height: number | null;
            bytes: number | null;
            /** @description A code: why there is none. */
            reason: string | null;
            /** @description The reason in one sentence. */
            detail: string | null;
            /** @description Null: none was requested. */
            requested_at: string | null;
            finished_at: string | null;
        };
        /** @description `console` first, the others by name. */
        DestinationList: {
            data: (components["schemas"]["ConsoleDestination"] | components["schemas"]["Destination"])[];
        };
        /** @description The worker’s standard output. It cannot be changed. */
        ConsoleDestination: {
            /** @constant */
            id: "console";
            /** @constant */
            name: "console";
            /** @constant */
            kind: "console";
            /** @constant */
            builtin: true;
            links: {
                self: string;
            };
        };
        Destination: {
            /** Format: uuid */
            id: string;
            name: string;
            /** @enum {string} */
            kind: "webhook" | "email" | "ntfy" | "slack" | "teams" | "discord" | "mqtt";
            /** @description Without its secret fields. */
            config: {
                [key: string]: unknown;
            };
            /** @description The secret fields that are set. */
            secrets: string[];
            /** @description Why the secret fields cannot be read, for example because SECRETS_KEY has changed. */
            secrets_error: string | null;
            filter: {
                stores: string[];
                events: ("alert.processed" | "alert.failed" | "alert.late" | "store.silent" | "store.back")[];
                failure_codes: ("video_not_found" | "video_forbidden" | "video_server_error" | "video_server_unreachable" | "video_timeout" | "video_too_large" | "video_unreadable" | "no_video_stream" | "redirect_refused" | "worker_crashed")[];
            };
            group: {
                /** @constant */
                by: "store";
                wait_s: number;
                interval_s: number;
            } | null;
            wait_for_picture: boolean;
            enabled: boolean;
            /** @description Null if a person disabled it. */
            disabled_reason: string | null;
            disabled_at: string | null;
            health: {
                /**
                 * @description `failing`: the last attempt failed. `blocked`: several in a row failed, so that no attempt starts before `blocked_until`. `unused`: nothing was delivered yet.
                 * @enum {string}
                 */
                state: "ok" | "failing" | "blocked" | "disabled" | "unused";
                consecutive_failures: number;
                blocked_until: string | null;
                last_error: string | null;
                last_error_at: string | null;
                last_delivered_at: string | null;
                /** @description Deliveries that wait; counted up to 10001. */
                pending: number;
                /** @description Deliveries whose attempts have all failed; counted up to 10001. */
                failed: number;
            };
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            updated_at: string;
            links: {
                self: string;
                deliveries: string;
            };
        };
        CreatedDestination: {
            /** Format: uuid */
            id: string;
            name: string;
            /** @enum {string} */
            kind: "webhook" | "email" | "ntfy" | "slack" | "teams" | "discord" | "mqtt";
            /** @description Without its secret fields. */
            config: {
                [key: string]: unknown;
            };
            /** @description The secret fields that are set. */
            secrets: string[];
            /** @description Why the secret fields cannot be read, for example because SECRETS_KEY has changed. */
            secrets_error: string | null;
            filter: {
                stores: string[];
                events: ("alert.processed" | "alert.failed" | "alert.late" | "store.silent" | "store.back")[];
                failure_codes: ("video_not_found" | "video_forbidden" | "video_server_error" | "video_server_unreachable" | "video_timeout" | "video_too_large" | "video_unreadable" | "no_video_stream" | "redirect_refused" | "worker_crashed")[];
            };
            group: {
                /** @constant */
                by: "store";
                wait_s: number;
                interval_s: number;
            } | null;
            wait_for_picture: boolean;
            enabled: boolean;
            /** @description Null if a person disabled it. */
            disabled_reason: string | null;
            disabled_at: string | null;
            health: {
                /**
                 * @description `failing`: the last attempt failed. `blocked`: several in a row failed, so that no attempt starts before `blocked_until`. `unused`: nothing was delivered yet.
                 * @enum {string}
                 */
                state: "ok" | "failing" | "blocked" | "disabled" | "unused";
                consecutive_failures: number;
                blocked_until: string | null;
                last_error: string | null;
                last_error_at: string | null;
                last_delivered_at: string | null;
                /** @description Deliveries that wait; counted up to 10001. */
                pending: number;
                /** @description Deliveries whose attempts have all failed; counted up to 10001. */
                failed: number;
            };
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            updated_at: string;
            links: {
                self: string;
                deliveries: string;
            };
            /** @description Verifies webhooks. It is shown only in this response. */
            signing_secret?: string;
        };
        TestResult: {
            /** Format: uuid */
            delivery: string;
            delivered: boolean;
            /** @description The status of the response. */
            status: number | null;
            /** @description At most 1 kB of the response. */
            body: string | null;
            error: string | null;
            ms: number | null;
        };
        Delivery: {
            /**
             * Format: uuid
             * @description The same on every attempt; of a webhook, the `webhook-id`.
             */
            id: string;
            destination: {
                /** Format: uuid */
                id: string;
                name: string;
                /** @enum {string} */
                kind: "webhook" | "email" | "ntfy" | "slack" | "teams" | "discord" | "mqtt";
            };
            alert: string | null;
            store: string | null;
            /** @enum {string} */
            event: "alert.processed" | "alert.failed" | "alert.late" | "store.silent" | "store.back" | "test";
            /** @enum {string} */
            status: "pending" | "delivered" | "failed" | "muted";
            /** @description Attempts so far, in all rounds. */
            attempts: number;
            /** @description While it is pending: when the next attempt may start. */
            next_attempt_at: string | null;
            /** Format: date-time */
            created_at: string;
            delivered_at: string | null;
            /** @description Why the last attempt failed. */
            error: string | null;
            /** @description The last response of the receiver, with at most 1 kB of its body. */
            response: {
                status: number | null;
                body: string | null;
            } | null;
            /** @description The last 20 attempts. */
            history: {
                /** Format: date-time */
                at: string;
                status: number | null;
                error: string | null;
                ms: number;
            }[];
            /** @description With grouping: the delivery whose message contains this one. */
            message: string | null;
            /** @description The mute because of which it was not sent. */
            mute: string | null;
            links: {
                self: string;
            };
        };
        RotatedSecret: {
            /** @description Verifies webhooks. It is shown only in this response. */
            signing_secret: string;
            /** @description Until then both secrets sign. */
            previous_valid_until: string | null;
        };
        DeliveryPage: {
            data: components["schemas"]["Delivery"][];
            next_cursor: string | null;
        };
        DeliveryRetryResponse: {
            dry_run: boolean;
            /** @description Failed deliveries that match; counted up to 100001. */
            matched: number;
            /** @description Matching deliveries within `max`, the oldest first. */
            selected: number;
            retried: number;
        };
        /** @description Mutes that have not ended; those that end first, first. */
        MuteList: {
            data: components["schemas"]["Mute"][];
        };
        Mute: {
            /** Format: uuid */
            id: string;
            store: string | null;
            failure_code: ("video_not_found" | "video_forbidden" | "video_server_error" | "video_server_unreachable" | "video_timeout" | "video_too_large" | "video_unreadable" | "no_video_stream" | "redirect_refused" | "worker_crashed") | null;
            /** @description null: all destinations. */
            destination: string | null;
            reason: string;
            /** @description The name of the API key. */
            created_by: string;
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            ends_at: string;
            /** @description Deliveries that it muted; counted up to 10001. */
            muted: number;
        };
        AuditPage: {
            data: components["schemas"]["AuditEntry"][];
            next_cursor: string | null;
        };
        AuditEntry: {
            /** @description Without gaps, in the order of the log. */
            id: number;
            /** Format: date-time */
            at: string;
            actor: {
                /** @description The id of a key; `anonymous` without one, `link` for a signed link, `cli` or `worker`. */
                id: string;
                /** @description The name that the key had. */
                name: string | null;
                /** @description The IP address of the client. */
                address: string | null;
            };
            action: string;
            target: string | null;
            details: {
                [key: string]: unknown;
            };
            /** @description SHA-256 of the hash of the entry before and of this entry. */
            hash: string;
        };
        Retention: {
            /** @description RETENTION_DAYS; null: forever. */
            default_days: number | null;
            rules: components["schemas"]["RetentionRule"][];
            /** @description The last run that had something to delete. Null for a key that is limited to stores. */
            last_run: {
                /** Format: date-time */
                started_at: string;
                /** Format: date-time */
                updated_at: string;
                finished_at: string | null;
                deleted: number;
                /** @description Why it ended early. */
                error: string | null;
            } | null;
        };
        RetentionRule: {
            /** Format: uuid */
            id: string;
            store: string | null;
            status: ("processed" | "failed") | null;
            days: number | null;
            /** @description The name of the API key. */
            updated_by: string;
            /** Format: date-time */
            updated_at: string;
        };
        RetentionPreview: {
            /** @description Alerts that would be deleted; counted up to 100001. */
            due: number;
            /** @description When the oldest of them was received. */
            oldest: string | null;
        };
        StorePage: {
            data: {
                store: string;
                /** @description Received in the period. */
                alerts: number;
                /** @description Of these. */
                failed: number;
                /** @description `failed` of `alerts`, from 0 to 1; null without alerts. */
                failure_rate: number | null;
                /** @description Neither processed nor failed now, whenever they were received. */
                unfinished: number;
                /** @description Of these, after a failed attempt or after LATE_AFTER, as `late` of an alert. */
                late: number;
                /**
                 * Format: date-time
                 * @description When the newest alert was received, in the period or before.
                 */
                last_alert_at: string;
                /** @description Since when it is reported as silent; null: it is not. */
                silent_since: string | null;
                /** @description The same of the period before, which is as long. */
                previous: {
                    alerts: number;
                    failed: number;
                    failure_rate: number | null;
                };
                /** @description The same for each `bucket_seconds` of the period, oldest first. */
                buckets: {
                    alerts: number[];
                    failed: number[];
                };
            }[];
            next_cursor: string | null;
            /** @description Stores whose name contains `q`, those of other pages included. */
            total: number;
            /**
             * Format: date-time
             * @description Start of the period.
             */
            from: string;
            /**
             * Format: date-time
             * @description When the alerts were counted: end of the period.
             */
            to: string;
            bucket_seconds: number;
            /** @description Alerts that were received before this time were not counted, because there are too many newer ones; null: all were. */
            counted_from: string | null;
        };
        SilencePage: {
            data: components["schemas"]["Silence"][];
            next_cursor: string | null;
        };
        Silence: {
            /** Format: uuid */
            id: string;
            /** @description null: nearly all stores at the same time. */
            store: string | null;
            /** @description null: the whole store. */
            camera: string | null;
            /**
             * Format: date-time
             * @description The last alert before the silence.
             */
            since: string;
            /** @description Alerts that are usually sent until it was reported. */
            expected: number;
            /**
             * Format: date-time
             * @description When `store.silent` was recorded.
             */
            reported_at: string;
            /** @description When `store.back` was recorded. */
            ended_at: string | null;
        };
        Backups: {
            /** @description The last backup that succeeded. Null: none has. */
            backup: components["schemas"]["BackupRun"] | null;
            /** @description The last restore drill that succeeded. Null: none has. */
            restore_drill: components["schemas"]["BackupRun"] | null;
        };
        BackupRun: {
            /** Format: date-time */
            succeeded_at: string;
            /** @description The name of the backup. */
            name: string;
            duration_seconds: number;
            /**
             * Format: date-time
             * @description When the next one should have succeeded; the alerting rule BackupOld or RestoreDrillOld then fires.
             */
            overdue_at: string;
        };
        /** @description Revoked and expired keys, too; oldest first. */
        KeyList: {
            data: components["schemas"]["Key"][];
        };
        Key: {
            id: string;
            name: string;
            scopes: ("write" | "read" | "operate" | "manage" | "metrics")[];
            /** @description Empty: all. */
            stores: string[];
            /** @enum {string} */
            status: "active" | "expired" | "revoked";
            /** Format: date-time */
            created_at: string;
            /** @description Null: never. */
            expires_at: string | null;
            /** @description Accurate to a minute. Null: never. */
            last_used_at: string | null;
            revoked_at: string | null;
            /** @description The id of the key that replaces this one, which is valid until `expires_at`. */
            replaced_by: string | null;
            /** @description Whether this key, or its login, sends the request. */
            current: boolean;
        };
        CreatedKey: {
            id: string;
            name: string;
            scopes: ("write" | "read" | "operate" | "manage" | "metrics")[];
            /** @description Empty: all. */
            stores: string[];
            /** @enum {string} */
            status: "active" | "expired" | "revoked";
            /** Format: date-time */
            created_at: string;
            /** @description Null: never. */
            expires_at: string | null;
            /** @description Accurate to a minute. Null: never. */
            last_used_at: string | null;
            revoked_at: string | null;
            /** @description The id of the key that replaces this one, which is valid until `expires_at`. */
            replaced_by: string | null;
            /** @description Whether this key, or its login, sends the request. */
            current: boolean;
            /** @description The key itself. It is only in this response. */
            key: string;
        };
        RotatedKey: {
            id: string;
            name: string;
            scopes: ("write" | "read" | "operate" | "manage" | "metrics")[];
            /** @description Empty: all. */
            stores: string[];
            /** @enum {string} */
            status: "active" | "expired" | "revoked";
            /** Format: date-time */
            created_at: string;
            /** @description Null: never. */
            expires_at: string | null;
            /** @description Accurate to a minute. Null: never. */
            last_used_at: string | null;
            revoked_at: string | null;
            /** @description The id of the key that replaces this one, which is valid until `expires_at`. */
            replaced_by: string | null;
            /** @description Whether this key, or its login, sends the request. */
            current: boolean;
            /** @description The key itself. It is only in this response. */
            key: string;
            /** @description The old key, and until when it is valid. */
            replaces: {
                id: string;
                /** Format: date-time */
                valid_until: string;
            };
        };
        Settings: {
            /** @description The process that sends this response, whose configuration it is. */
            process: {
                /** @constant */
                component: "api";
                host: string;
                pid: number;
                /** Format: date-time */
                started_at: string;
            };
            configuration: components["schemas"]["ConfigurationVariable"][];
            versions: {
                project: string;
                node: string;
                /** @description Null: the database is unavailable. */
                postgresql: string | null;
                /** @description Null: the queue is not on Redis, or is unavailable. */
                redis: string | null;
            };
            /** @description Null: the database is unavailable. */
            migrations: components["schemas"]["Migrations"] | null;
            health: components["schemas"]["Dependency"][];
            /** @description Those that were seen within the last hour, at most 100. Null: the database is unavailable. */
            workers: components["schemas"]["Worker"][] | null;
        };
        ConfigurationVariable: {
            name: string;
            /** @description As it was set; `***` replaces secrets and passwords in URLs. Null: not set, and there is no default. */
            value: string | null;
            /** @enum {string} */
            origin: "default" | "environment" | "file";
            /** @description The path of the file that holds the value. */
            file: string | null;
            /** @description Whether the value, or a part of it, is hidden. */
            hidden: boolean;
        };
        Migrations: {
            applied: {
                name: string;
                /** Format: date-time */
                applied_at: string;
            }[];
            /** @description `npm run migrate` applies them. */
            pending: string[];
            /** @description Applied by a newer version. */
            newer: string[];
            /** @description Started and not finished. */
            failed: string[];
        };
        Dependency: {
            /** @description A check of `/readyz`; `backup`, `restore_drill`; `video_server`, or `source` and the name of a video source. */
            name: string;
            /**
             * @description `failed`: no alert is accepted. `warning`: alerts are accepted, but work waits or someone has to act.
             * @enum {string}
             */
            status: "ok" | "warning" | "failed";
            detail: string | null;
        };
        Worker: {
            host: string;
            pid: number;
            version: string;
            node: string;
            /** Format: date-time */
            started_at: string;
            /**
             * Format: date-time
             * @description Every 30 seconds. A worker that stops normally is not listed any more.
             */
            seen_at: string;
            configuration: components["schemas"]["ConfigurationVariable"][];
        };
        /** @description RFC 9457 problem details. */
        Problem: {
            type: string;
            title: string;
            status: number;
            detail: string;
            instance: string;
            request_id: string;
            /** @description For `validation`: one entry per error, at most 100. */
            errors?: {
                pointer: string;
                code: string;
                detail: string;
            }[];
            /** @description The number of errors that `errors` does not list. */
            errors_omitted?: number;
        } & {
            [key: string]: unknown;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    listAlerts: {
        parameters: {
            query?: {
                /** @description Part of the name of the store, of the uuid or of the name of the video file, in upper or lower case. With a slash: part of the path of the video. */
                q?: string;
                store?: string;
                camera?: string;
                status?: "pending" | "processing" | "processed" | "failed";
                failure_code?: "video_not_found" | "video_forbidden" | "video_server_error" | "video_server_unreachable" | "video_timeout" | "video_too_large" | "video_unreadable" | "no_video_stream" | "redirect_refused" | "worker_crashed";
                /** @description Only alerts under a legal hold; `false`: only others. */
                held?: "true" | "false";
                triage?: "open" | "mine" | "acknowledged";
                from?: string;
                to?: string;
                limit?: number;
                cursor?: string;
                /** @description Newest first; `received_at`: oldest first, not with `q`, because a search compares the newest alerts. A cursor is valid for its order only. */
                sort?: "-received_at" | "received_at";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AlertPage"];
                };
            };
        };
    };
    postAlert: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewAlert"];
            };
        };
        responses: {
            /** @description The alert already existed; its current state */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Alert"];
                };
            };
            /** @description The alert is stored and will be processed */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AcceptedAlert"];
                };
            };
        };
    };
    streamEvents: {
        parameters: {
            query?: {
                store?: string;
                status?: "pending" | "processing" | "processed" | "failed";
                /** @description Same as the header Last-Event-ID, which takes precedence. For the first connection. */
                last_event_id?: string;
            };
            header?: {
                /** @description The id of the last event that was received. */
                "Last-Event-ID"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The stream */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
        };
    };
    getAlert: {
        parameters: {
            query?: never;
            header?: {
                /** @description Maximum seconds to wait for a change of the state; at most 25. */
                Prefer?: string;
                /** @description The ETag of the last known state. */
                "If-None-Match"?: string;
            };
            path: {
                uuid: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The alert */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Alert"];
                };
            };
        };
    };
    deleteAlert: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                uuid: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is deleted */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    exportAlerts: {
        parameters: {
            query?: {
                /** @description Part of the name of the store, of the uuid or of the name of the video file, in upper or lower case. With a slash: part of the path of the video. */
                q?: string;
                store?: string;
                camera?: string;
                status?: "pending" | "processing" | "processed" | "failed";
                failure_code?: "video_not_found" | "video_forbidden" | "video_server_error" | "video_server_unreachable" | "video_timeout" | "video_too_large" | "video_unreadable" | "no_video_stream" | "redirect_refused" | "worker_crashed";
                /** @description Only alerts under a legal hold; `false`: only others. */
                held?: "true" | "false";
                triage?: "open" | "mine" | "acknowledged";
                from?: string;
                to?: string;
                /** @description Whether the file begins with a byte order mark, without which Excel does not read it as UTF-8. */
                bom?: "true" | "false";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/csv": string;
                };
            };
        };
    };
    holdAlert: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                uuid: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewHold"];
            };
        };
        responses: {
            /** @description The alert */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Alert"];
                };
            };
        };
    };
    releaseAlert: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                uuid: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The alert is not held any more */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    postBatch: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Batch"];
            };
        };
        responses: {
            /** @description The result of each alert; at least one is accepted */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BatchResponse"];
                };
            };
        };
    };
    retryAlert: {
        parameters: {
            query?: never;
            header?: {
                /** @description Chosen by the client for each intended retry, such as a UUID. Kept for 24 h. */
                "Idempotency-Key"?: string;
                /** @description The ETag of the state to retry, as GET /alerts/{uuid} has it. */
                "If-Match"?: string;
            };
            path: {
                uuid: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The alert is pending again */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AcceptedAlert"];
                };
            };
        };
    };
    retryAlerts: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BulkRetry"];
            };
        };
        responses: {
            /** @description Dry run: the alerts that a retry would select */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BulkRetryResponse"];
                };
            };
            /** @description The selected alerts are pending again */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BulkRetryResponse"];
                };
            };
        };
    };
    getStatistics: {
        parameters: {
            query?: {
                store?: string;
                from?: string;
                to?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The statistics, at most 2 s old */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Statistics"];
                };
            };
        };
    };
    listStores: {
        parameters: {
            query?: {
                /** @description Part of the name, in upper or lower case. */
                q?: string;
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The names, in alphabetical order */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StoreList"];
                };
            };
        };
    };
    getTimeline: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                uuid: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The steps so far */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Timeline"];
                };
            };
        };
    };
    triageAlerts: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BulkTriage"];
            };
        };
        responses: {
            /** @description The result of each alert */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BulkTriageResponse"];
                };
            };
        };
    };
    triageAlert: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                uuid: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TriageChange"];
            };
        };
        responses: {
            /** @description The alert */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Alert"];
                };
            };
        };
    };
    listComments: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                uuid: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All comments */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CommentList"];
                };
            };
        };
    };
    addComment: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                uuid: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewComment"];
            };
        };
        responses: {
            /** @description The comment */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Comment"];
                };
            };
        };
    };
    getPicture: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                uuid: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The picture */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "image/webp": string;
                };
            };
            /** @description The requested range of it */
            206: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "image/webp": string;
                };
            };
        };
    };
    createLink: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                uuid: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewLink"];
            };
        };
        responses: {
            /** @description The link */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Link"];
                };
            };
        };
    };
    revokeLinks: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                uuid: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description They are invalid */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    getPictureByLink: {
        parameters: {
            query: {
                /** @description Seconds since 1970. */
                expires: string;
                /** @description The id of the key that signed it. */
                key: string;
                /** @description HMAC-SHA-256, base64url. */
                signature: string;
            };
            header?: never;
            path: {
                uuid: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The picture, which caches may keep until the link expires */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "image/webp": string;
                };
            };
            /** @description The requested range of it */
            206: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "image/webp": string;
                };
            };
        };
    };
    getCopyByLink: {
        parameters: {
            query: {
                /** @description Seconds since 1970. */
                expires: string;
                /** @description The id of the key that signed it. */
                key: string;
                /** @description HMAC-SHA-256, base64url. */
                signature: string;
            };
            header?: never;
            path: {
                uuid: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The copy, which caches may keep until the link expires */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "video/mp4": string;
                };
            };
            /** @description The requested range of it */
            206: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "video/mp4": string;
                };
            };
        };
    };
    getCopy: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                uuid: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The copy */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "video/mp4": string;
                    "application/json": components["schemas"]["Copy"];
                };
            };
            /** @description It is being made */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Copy"];
                };
            };
            /** @description The requested range of it */
            206: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "video/mp4": string;
                };
            };
        };
    };
    requestCopy: {
        parameters: {
            query?: {
                /** @description Make a copy of a video that browsers should play. */
                force?: "true" | "false";
            };
            header?: never;
            path: {
                uuid: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description There is one */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Copy"];
                };
            };
            /** @description It is being made */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Copy"];
                };
            };
        };
    };
    listDestinations: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description `console` first, the others by name */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DestinationList"];
                };
            };
        };
    };
    createDestination: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewDestination"];
            };
        };
        responses: {
            /** @description The destination */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedDestination"];
                };
            };
        };
    };
    getDestination: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a destination, or `console`. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The destination */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConsoleDestination"] | components["schemas"]["Destination"];
                };
            };
        };
    };
    deleteDestination: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a destination, or `console`. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is deleted */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    changeDestination: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a destination, or `console`. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DestinationPatch"];
            };
        };
        responses: {
            /** @description The changed destination */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedDestination"];
                };
            };
        };
    };
    testDestination: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a destination, or `console`. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The result of the attempt */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TestResult"];
                };
            };
            /** @description No worker has sent it after 20 s */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Delivery"];
                };
            };
        };
    };
    rotateSecret: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a destination, or `console`. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The new secret, shown only here */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RotatedSecret"];
                };
            };
        };
    };
    listDeliveries: {
        parameters: {
            query?: {
                destination?: string;
                alert?: string;
                status?: "pending" | "delivered" | "failed" | "muted";
                from?: string;
                to?: string;
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeliveryPage"];
                };
            };
        };
    };
    getDelivery: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The delivery */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Delivery"];
                };
            };
        };
    };
    retryDelivery: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The delivery is pending again */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Delivery"];
                };
            };
        };
    };
    retryDeliveries: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DeliveryRetry"];
            };
        };
        responses: {
            /** @description Dry run: what a retry would select */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeliveryRetryResponse"];
                };
            };
            /** @description The selected deliveries are pending again */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeliveryRetryResponse"];
                };
            };
        };
    };
    listMutes: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Those that end first, first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MuteList"];
                };
            };
        };
    };
    createMute: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewMute"];
            };
        };
        responses: {
            /** @description The mute */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Mute"];
                };
            };
        };
    };
    endMute: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It has ended */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    listAudit: {
        parameters: {
            query?: {
                /** @description The id of a key; `anonymous`, `link`, `cli` or `worker`. */
                actor?: string;
                action?: "key.created" | "key.rotated" | "key.revoked" | "session.started" | "session.ended" | "login.failed" | "link.created" | "links.revoked" | "destination.created" | "destination.changed" | "destination.deleted" | "destination.secret_rotated" | "mute.created" | "mute.ended" | "alert.retried" | "alerts.retried" | "delivery.retried" | "deliveries.retried" | "hold.placed" | "hold.changed" | "hold.released" | "alert.deleted" | "alert.acknowledged" | "alert.reopened" | "alert.assigned" | "alert.commented" | "alert.read" | "alerts.listed" | "alerts.exported" | "retention.changed" | "retention.run" | "archive.restore_started" | "archive.restored" | "audit.pruned" | "copies.requested" | "backup.created" | "backup.restored";
                /** @description The uuid of an alert, the id of a key, a destination or a mute. */
                target?: string;
                from?: string;
                to?: string;
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditPage"];
                };
            };
        };
    };
    getRetention: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Rules of all stores first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Retention"];
                };
            };
        };
    };
    setRetentionRule: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewRetentionRule"];
            };
        };
        responses: {
            /** @description The rule */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RetentionRule"];
                };
            };
        };
    };
    deleteRetentionRule: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is deleted */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    previewRetention: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RetentionPreviewRequest"];
            };
        };
        responses: {
            /** @description What would be deleted */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RetentionPreview"];
                };
            };
        };
    };
    storeOverview: {
        parameters: {
            query?: {
                period?: "1h" | "24h" | "7d";
                /** @description Part of the name of the store, in upper or lower case. */
                q?: string;
                /** @description `problems`: by the number of failures, then the failure rate, then the time since the last alert. `trend`: by how much the number of failures has grown. */
                sort?: "problems" | "store" | "alerts" | "failed" | "failure_rate" | "trend" | "late" | "last_alert_at";
                /** @description Default: `asc` for `store`, otherwise `desc`. `problems`, `desc`: most problems first. */
                order?: "asc" | "desc";
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StorePage"];
                };
            };
        };
    };
    listSilences: {
        parameters: {
            query?: {
                /** @description `all`: also those that have ended, for 90 days. */
                state?: "open" | "all";
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SilencePage"];
                };
            };
        };
    };
    getBackups: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The last success of each */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Backups"];
                };
            };
        };
    };
    listKeys: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The keys */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["KeyList"];
                };
            };
        };
    };
    createKey: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewKey"];
            };
        };
        responses: {
            /** @description The key */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedKey"];
                };
            };
        };
    };
    getKey: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The key, without its secret */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Key"];
                };
            };
        };
    };
    revokeKey: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is revoked */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    rotateKey: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["KeyRotation"];
            };
        };
        responses: {
            /** @description The new key */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RotatedKey"];
                };
            };
        };
    };
    getSettings: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The settings */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Settings"];
                };
            };
        };
    };
    getLivez: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is running */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @constant */
                        status: "alive";
                    };
                };
            };
        };
    };
    getReadyz: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It accepts alerts; `degraded` means that a component is unavailable and its work is deferred */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @enum {string} */
                        status: "ready" | "degraded";
                        checks: {
                            [key: string]: string;
                        };
                    };
                };
            };
        };
    };
    getMetrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The metrics */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
        };
    };
    getOpenApi: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OpenAPI 3.1 */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        openapi: string;
                    } & {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    getDocs: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/html": string;
                };
            };
        };
    };
    getProblem: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: "malformed-json" | "bad-request" | "bad-cursor" | "unauthorized" | "forbidden" | "bad-event-id" | "cross-site" | "link-invalid" | "not-found" | "picture-not-available" | "copy-not-available" | "method-not-allowed" | "alert-conflict" | "alert-archived" | "alert-held" | "alert-processing" | "copy-not-needed" | "copy-not-possible" | "not-retryable" | "triage-not-needed" | "too-many-comments" | "name-taken" | "builtin-destination" | "no-signing-secret" | "delivery-not-failed" | "own-key" | "key-not-active" | "too-slow" | "link-expired" | "precondition-failed" | "too-large" | "not-json" | "range-not-satisfiable" | "misdirected" | "batch-rejected" | "validation" | "too-many-held" | "too-many-exports" | "too-many-requests" | "headers-too-large" | "internal" | "secrets-unavailable" | "links-unavailable" | "media-unavailable" | "queue-full" | "unavailable";
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The explanation */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
        };
    };
}
