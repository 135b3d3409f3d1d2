-- Add column "palette" to table: "images"
ALTER TABLE `images` ADD COLUMN `palette` json NOT NULL DEFAULT '[]';
-- Add column "thumbhash" to table: "images"
ALTER TABLE `images` ADD COLUMN `thumbhash` text NOT NULL DEFAULT '';
-- Add column "phash" to table: "images"
ALTER TABLE `images` ADD COLUMN `phash` text NOT NULL DEFAULT '';
-- Create "embedded" table
CREATE TABLE `embedded` (
  `image_id` text NOT NULL,
  `tenant` text NOT NULL,
  `document` json NOT NULL,
  PRIMARY KEY (`image_id`),
  CONSTRAINT `embedded_image` FOREIGN KEY (`image_id`) REFERENCES `images` (`id`) ON UPDATE NO ACTION ON DELETE CASCADE,
  CONSTRAINT `embedded_tenant_named` CHECK (tenant <> '')
);
