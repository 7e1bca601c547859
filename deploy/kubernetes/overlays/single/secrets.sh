#!/bin/sh
# Prints the Secrets of this overlay with new random passwords: sh secrets.sh | kubectl create -f -
# `create` fails if they exist. Do not replace them: the volume of PostgreSQL keeps its first password of the superuser.
set -eu
random() { od -vAn -N24 -tx1 /dev/urandom | tr -d ' \n'; }
postgres=$(random) owner=$(random) app=$(random) redis=$(random)
cat <<SECRETS
apiVersion: v1
kind: Secret
metadata: { name: alerts-postgres, namespace: video-alerts }
stringData: { postgres: "$postgres", owner: "$owner", app: "$app" }
---
apiVersion: v1
kind: Secret
metadata: { name: alerts-redis, namespace: video-alerts }
stringData: { redis: "$redis", redis.conf: "requirepass $redis" }
---
apiVersion: v1
kind: Secret
metadata: { name: alerts-owner, namespace: video-alerts }
stringData:
  database_url: "postgres://alerts_owner:$owner@postgres:5432/alerts"
  queue_url: "redis://:$redis@redis:6379"
---
apiVersion: v1
kind: Secret
metadata: { name: alerts-app, namespace: video-alerts }
stringData:
  database_url: "postgres://alerts_app:$app@postgres:5432/alerts"
  queue_url: "redis://:$redis@redis:6379"
---
# Encrypts the secrets of destinations. Keep a copy: docs/operations.md.
apiVersion: v1
kind: Secret
metadata: { name: alerts-secrets-key, namespace: video-alerts }
stringData: { secrets_key: "$(head -c 32 /dev/urandom | base64)" }
SECRETS
