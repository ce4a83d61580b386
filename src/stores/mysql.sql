-- Bounded counters in MySQL and MariaDB. Each operation is one procedure: one transaction, one round trip.
--
-- Workers run this file where they find a procedure missing. To install it by hand: mysql DATABASE < mysql.sql; users
-- then need EXECUTE, and SELECT, INSERT, UPDATE and DELETE on the four tables.
--
-- Lists come as JSON arrays, numbers in them as text, since not every server keeps all digits of a number in JSON.
-- Numbers are answered as text with all the digits of a double. Moments are Unix milliseconds; p_at null: the server's.

DELIMITER //

CREATE TABLE IF NOT EXISTS governed_openai_counters (
  name VARCHAR(512) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  value DOUBLE NOT NULL,
  expires_at DOUBLE NOT NULL
) ENGINE = InnoDB
//

-- Without a record: closed before it was made.
CREATE TABLE IF NOT EXISTS governed_openai_reservations (
  id VARCHAR(512) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  owner VARCHAR(512) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  record MEDIUMTEXT CHARACTER SET ascii COLLATE ascii_bin,
  expires_at DOUBLE NOT NULL,
  INDEX (owner),
  INDEX (expires_at)
) ENGINE = InnoDB
//

CREATE TABLE IF NOT EXISTS governed_openai_notes (
  name VARCHAR(512) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  body MEDIUMTEXT CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  expires_at DOUBLE NOT NULL,
  INDEX (expires_at)
) ENGINE = InnoDB
//

-- What operations lock: the hash of a name falls into one of these slots. Not the rows of counters: those may not be
-- there yet, and InnoDB deadlocks where several wait for a row whose insertion is then undone.
CREATE TABLE IF NOT EXISTS governed_openai_locks (slot SMALLINT NOT NULL PRIMARY KEY) ENGINE = InnoDB
//

INSERT IGNORE INTO governed_openai_locks (slot)
WITH digit AS (
  SELECT 0 AS d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6
  UNION SELECT 7 UNION SELECT 8 UNION SELECT 9 UNION SELECT 10 UNION SELECT 11 UNION SELECT 12 UNION SELECT 13
  UNION SELECT 14 UNION SELECT 15
)
SELECT a.d * 256 + b.d * 16 + c.d - 2048 AS slot FROM digit AS a, digit AS b, digit AS c ORDER BY slot
//

-- Locks the slots of hashes (32 bits, signed) until the end of the transaction. The hashes are in ascending order, and
-- so are their slots: operations that meet on several never wait for each other in a circle.
CREATE PROCEDURE governed_openai_lock_v1(IN p_hashes MEDIUMTEXT CHARACTER SET ascii)
SQL SECURITY INVOKER
BEGIN
  DECLARE i INT DEFAULT 0;
  DECLARE v_slot, v_locked INT;
  WHILE i < JSON_LENGTH(p_hashes) DO
    SET v_slot = FLOOR(JSON_UNQUOTE(JSON_EXTRACT(p_hashes, CONCAT('$[', i, ']'))) / 1048576);
    SET v_locked = NULL;
    SELECT slot INTO v_locked FROM governed_openai_locks WHERE slot = v_slot FOR UPDATE;
    IF v_locked IS NULL THEN
      SIGNAL SQLSTATE '42S02' SET MYSQL_ERRNO = 1146, MESSAGE_TEXT = 'governed_openai_locks lacks a slot';
    END IF;
    SET i = i + 1;
  END WHILE;
END
//

CREATE PROCEDURE governed_openai_admit_v1(
  IN p_hashes MEDIUMTEXT CHARACTER SET ascii,
  IN p_id VARCHAR(512) CHARACTER SET ascii COLLATE ascii_bin,
  IN p_owner VARCHAR(512) CHARACTER SET ascii COLLATE ascii_bin,
  IN p_record MEDIUMTEXT CHARACTER SET ascii,
  IN p_names MEDIUMTEXT CHARACTER SET ascii,
  IN p_starts MEDIUMTEXT CHARACTER SET ascii, IN p_ends MEDIUMTEXT CHARACTER SET ascii,
  IN p_rooms MEDIUMTEXT CHARACTER SET ascii, IN p_amounts MEDIUMTEXT CHARACTER SET ascii,
  IN p_at DOUBLE
)
SQL SECURITY INVOKER
BEGIN
  DECLARE i INT DEFAULT 0;
  DECLARE v_admitted VARCHAR(5) CHARACTER SET ascii DEFAULT 'yes';
  DECLARE v_path VARCHAR(20) CHARACTER SET ascii;
  DECLARE v_name VARCHAR(512) CHARACTER SET ascii COLLATE ascii_bin;
  DECLARE v_start, v_end, v_floor, v_value, v_sum DOUBLE;
  DECLARE v_values, v_sums MEDIUMTEXT CHARACTER SET ascii;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; RESIGNAL; END;

  SET TRANSACTION ISOLATION LEVEL READ COMMITTED; START TRANSACTION;
  CALL governed_openai_lock_v1(p_hashes);
  SET p_at = COALESCE(p_at, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) / 1e3);
  IF EXISTS (
    SELECT 1 FROM governed_openai_reservations WHERE id = p_id AND record IS NULL AND expires_at > p_at
  ) THEN
    SET v_admitted = 'no';
  END IF;

  WHILE i < JSON_LENGTH(p_names) AND v_admitted <> 'stale' DO
    SET v_path = CONCAT('$[', i, ']');
    SET v_name = JSON_UNQUOTE(JSON_EXTRACT(p_names, v_path));
    SET v_start = NULLIF(JSON_UNQUOTE(JSON_EXTRACT(p_starts, v_path)), 'null');
    SET v_end = NULLIF(JSON_UNQUOTE(JSON_EXTRACT(p_ends, v_path)), 'null');
    SET v_floor = IF(v_end IS NULL, p_at - 1767225600000, 0);
    SET v_value = (SELECT value FROM governed_openai_counters WHERE name = v_name AND expires_at > p_at);
    SET v_sum = GREATEST(COALESCE(v_value, v_floor), v_floor) + JSON_UNQUOTE(JSON_EXTRACT(p_amounts, v_path));
    SET v_values = CONCAT_WS(',', v_values, COALESCE(CAST(v_value AS CHAR), 'null'));
    SET v_sums = CONCAT_WS(',', v_sums, CAST(v_sum AS CHAR));
    IF p_at < v_start OR p_at >= v_end THEN
      SET v_admitted = 'stale';
    ELSEIF v_sum > v_floor + JSON_UNQUOTE(JSON_EXTRACT(p_rooms, v_path)) THEN
      SET v_admitted = 'no';
    END IF;
    -- Undone if a later one does not fit.
    IF v_admitted = 'yes' THEN
      SET v_end = COALESCE(v_end, GREATEST(p_at, 1767225600000 + v_sum) + 600000);
      INSERT INTO governed_openai_counters (name, value, expires_at) VALUES (v_name, v_sum, v_end)
      ON DUPLICATE KEY UPDATE value = v_sum, expires_at = v_end;
    END IF;
    SET i = i + 1;
  END WHILE;

  IF v_admitted = 'yes' THEN
    INSERT INTO governed_openai_reservations (id, owner, record, expires_at)
    VALUES (p_id, p_owner, p_record, p_at + 2764800000)
    ON DUPLICATE KEY UPDATE owner = p_owner, record = p_record, expires_at = p_at + 2764800000;
    COMMIT;
    SET v_values = v_sums;
  ELSE
    ROLLBACK;
  END IF;
  SELECT v_admitted AS admitted, CAST(p_at AS CHAR) AS moment, CONCAT('[', COALESCE(v_values, ''), ']') AS counts;
END
//

CREATE PROCEDURE governed_openai_settle_v1(
  IN p_hashes MEDIUMTEXT CHARACTER SET ascii,
  IN p_id VARCHAR(512) CHARACTER SET ascii COLLATE ascii_bin,
  IN p_certain BOOLEAN,
  IN p_names MEDIUMTEXT CHARACTER SET ascii,
  IN p_starts MEDIUMTEXT CHARACTER SET ascii, IN p_ends MEDIUMTEXT CHARACTER SET ascii,
  IN p_reserved MEDIUMTEXT CHARACTER SET ascii, IN p_used MEDIUMTEXT CHARACTER SET ascii,
  IN p_at DOUBLE
)
SQL SECURITY INVOKER
settle: BEGIN
  DECLARE i INT DEFAULT 0;
  DECLARE v_known BOOLEAN;
  DECLARE v_path VARCHAR(20) CHARACTER SET ascii;
  DECLARE v_name VARCHAR(512) CHARACTER SET ascii COLLATE ascii_bin;
  DECLARE v_start, v_end, v_floor, v_delta, v_value DOUBLE;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; RESIGNAL; END;

  SET TRANSACTION ISOLATION LEVEL READ COMMITTED; START TRANSACTION;
  CALL governed_openai_lock_v1(p_hashes);
  SET p_at = COALESCE(p_at, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) / 1e3);
  IF NOT p_certain AND EXISTS (
    SELECT 1 FROM governed_openai_reservations WHERE id = p_id AND record IS NULL AND expires_at > p_at
  ) THEN
    ROLLBACK; LEAVE settle;
  END IF;

  DELETE FROM governed_openai_reservations WHERE id = p_id AND record IS NOT NULL AND expires_at > p_at;
  SET v_known = ROW_COUNT() > 0;
  IF p_certain AND NOT v_known THEN
    ROLLBACK; LEAVE settle;
  END IF;
  IF NOT p_certain THEN
    INSERT INTO governed_openai_reservations (id, owner, record, expires_at)
    VALUES (p_id, '', NULL, p_at + 3600000)
    ON DUPLICATE KEY UPDATE owner = '', record = NULL, expires_at = p_at + 3600000;
  END IF;

  WHILE i < JSON_LENGTH(p_names) DO
    SET v_path = CONCAT('$[', i, ']');
    SET v_name = JSON_UNQUOTE(JSON_EXTRACT(p_names, v_path));
    SET v_start = NULLIF(JSON_UNQUOTE(JSON_EXTRACT(p_starts, v_path)), 'null');
    SET v_end = NULLIF(JSON_UNQUOTE(JSON_EXTRACT(p_ends, v_path)), 'null');
    SET v_floor = IF(v_end IS NULL, p_at - 1767225600000, 0);
    SET v_delta = JSON_UNQUOTE(JSON_EXTRACT(p_used, v_path));
    IF v_known THEN
      SET v_delta = v_delta - JSON_UNQUOTE(JSON_EXTRACT(p_reserved, v_path));
    END IF;
    IF v_delta <> 0 AND (v_end IS NULL OR (v_start <= p_at AND p_at < v_end)) THEN
      SET v_value = (SELECT value FROM governed_openai_counters WHERE name = v_name AND expires_at > p_at);
      SET v_value = GREATEST(COALESCE(v_value, v_floor) + v_delta, v_floor);
      SET v_end = COALESCE(v_end, GREATEST(p_at, 1767225600000 + v_value) + 600000);
      INSERT INTO governed_openai_counters (name, value, expires_at) VALUES (v_name, v_value, v_end)
      ON DUPLICATE KEY UPDATE value = v_value, expires_at = v_end;
    END IF;
    SET i = i + 1;
  END WHILE;
  COMMIT;
END
//

CREATE PROCEDURE governed_openai_read_v1(IN p_names MEDIUMTEXT CHARACTER SET ascii, IN p_at DOUBLE)
SQL SECURITY INVOKER
BEGIN
  DECLARE i INT DEFAULT 0;
  DECLARE v_name VARCHAR(512) CHARACTER SET ascii COLLATE ascii_bin;
  DECLARE v_value DOUBLE;
  DECLARE v_values MEDIUMTEXT CHARACTER SET ascii;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; RESIGNAL; END;

  -- All values of one moment.
  SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION;
  SET p_at = COALESCE(p_at, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) / 1e3);
  WHILE i < JSON_LENGTH(p_names) DO
    SET v_name = JSON_UNQUOTE(JSON_EXTRACT(p_names, CONCAT('$[', i, ']')));
    SET v_value = (SELECT value FROM governed_openai_counters WHERE name = v_name AND expires_at > p_at);
    SET v_values = CONCAT_WS(',', v_values, COALESCE(CAST(v_value AS CHAR), 'null'));
    SET i = i + 1;
  END WHILE;
  COMMIT;
  SELECT CAST(p_at AS CHAR) AS moment, CONCAT('[', COALESCE(v_values, ''), ']') AS counts;
END
//

CREATE PROCEDURE governed_openai_delete_v1(
  IN p_hashes MEDIUMTEXT CHARACTER SET ascii, IN p_names MEDIUMTEXT CHARACTER SET ascii
)
SQL SECURITY INVOKER
BEGIN
  DECLARE i INT DEFAULT 0;
  DECLARE v_name VARCHAR(512) CHARACTER SET ascii COLLATE ascii_bin;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; RESIGNAL; END;

  SET TRANSACTION ISOLATION LEVEL READ COMMITTED; START TRANSACTION;
  CALL governed_openai_lock_v1(p_hashes);
  WHILE i < JSON_LENGTH(p_names) DO
    SET v_name = JSON_UNQUOTE(JSON_EXTRACT(p_names, CONCAT('$[', i, ']')));
    DELETE FROM governed_openai_counters WHERE name = v_name;
    SET i = i + 1;
  END WHILE;
  COMMIT;
END
//

CREATE PROCEDURE governed_openai_reservations_v1(
  IN p_owner VARCHAR(512) CHARACTER SET ascii COLLATE ascii_bin, IN p_at DOUBLE
)
SQL SECURITY INVOKER
BEGIN
  SET p_at = COALESCE(p_at, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) / 1e3);
  SELECT record FROM governed_openai_reservations
  WHERE owner = p_owner AND record IS NOT NULL AND expires_at > p_at;
END
//

CREATE PROCEDURE governed_openai_note_v1(
  IN p_name VARCHAR(512) CHARACTER SET ascii COLLATE ascii_bin, IN p_body MEDIUMTEXT CHARACTER SET ascii, IN p_at DOUBLE
)
SQL SECURITY INVOKER
BEGIN
  SET p_at = COALESCE(p_at, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) / 1e3);
  INSERT INTO governed_openai_notes (name, body, expires_at) VALUES (p_name, p_body, p_at + 2764800000)
  ON DUPLICATE KEY UPDATE body = p_body, expires_at = p_at + 2764800000;
END
//

CREATE PROCEDURE governed_openai_noted_v1(IN p_name VARCHAR(512) CHARACTER SET ascii COLLATE ascii_bin, IN p_at DOUBLE)
SQL SECURITY INVOKER
BEGIN
  SET p_at = COALESCE(p_at, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) / 1e3);
  SELECT body FROM governed_openai_notes WHERE name = p_name AND expires_at > p_at;
END
//

-- Deletes some of what has expired. It never holds a row while it waits for another, so it is in nobody's circle.
CREATE PROCEDURE governed_openai_sweep_v1(IN p_at DOUBLE)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_done BOOLEAN DEFAULT FALSE;
  DECLARE v_kind VARCHAR(11) CHARACTER SET ascii;
  DECLARE v_name VARCHAR(512) CHARACTER SET ascii COLLATE ascii_bin;
  DECLARE expired CURSOR FOR
    SELECT 'counter', name FROM (SELECT name FROM governed_openai_counters WHERE expires_at <= p_at LIMIT 200) AS a
    UNION ALL
    SELECT 'reservation', id FROM (SELECT id FROM governed_openai_reservations WHERE expires_at <= p_at LIMIT 200) AS b
    UNION ALL
    SELECT 'note', name FROM (SELECT name FROM governed_openai_notes WHERE expires_at <= p_at LIMIT 200) AS c;
  DECLARE CONTINUE HANDLER FOR NOT FOUND SET v_done = TRUE;

  SET p_at = COALESCE(p_at, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) / 1e3);
  OPEN expired;
  FETCH expired INTO v_kind, v_name;
  WHILE NOT v_done DO
    IF v_kind = 'counter' THEN
      DELETE FROM governed_openai_counters WHERE name = v_name AND expires_at <= p_at;
    ELSEIF v_kind = 'reservation' THEN
      DELETE FROM governed_openai_reservations WHERE id = v_name AND expires_at <= p_at;
    ELSE
      DELETE FROM governed_openai_notes WHERE name = v_name AND expires_at <= p_at;
    END IF;
    FETCH expired INTO v_kind, v_name;
  END WHILE;
  CLOSE expired;
END
//
