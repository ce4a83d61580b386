-- x
SELECT "1";
